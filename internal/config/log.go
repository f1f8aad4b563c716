package config

import "log/slog"

// LogConfig is about the log on standard error.
type LogConfig struct {
	Level    slog.Level
	Format   string // auto, text or json
	Requests bool
}

func logSection(c *Config) []option {
	return []option{
		opt("log.level", &c.Log.Level, slog.LevelInfo, option{
			oneof: []string{"debug", "info", "warn", "error"},
			usage: "Lowest level that is written.",
		}),
		opt("log.format", &c.Log.Format, "auto", option{
			oneof: []string{"auto", "text", "json"},
			usage: "auto is text on a terminal and JSON otherwise.",
		}),
		opt("log.requests", &c.Log.Requests, false, option{
			usage: "Write one line for every HTTP request to the admin listener at level info; they are at debug " +
				"otherwise.",
		}),
	}
}
