package config

import (
	"net/netip"
	"time"
)

// Config is everything that can be set. Each field has its entry in one of the
// sections that allOptions lists, which says what it is for.
type Config struct {
	Dev     bool
	Node    string
	DataDir string

	Store StoreURL

	Listen           string
	Path             string
	Page             bool
	Origins          []string
	TrustedProxies   []netip.Prefix
	HandshakeTimeout time.Duration
	MaxHeader        Size
	Drain            time.Duration

	AdminListen string
	AdminKey    Secret
	Admin       AdminConfig
	Pprof       bool

	Auth     AuthConfig
	Accounts AccountsConfig
	Chat     ChatConfig

	LoginTimeout        time.Duration
	Heartbeat           time.Duration
	Ping                time.Duration
	WriteTimeout        time.Duration
	SendBuffer          Size
	MaxMessage          Size
	MaxFragments        int
	MaxErrors           int
	Rate                RateConfig
	MaxConnections      int // 0 is what the limit on open files leaves
	MaxConnectionsPerIP int // 0 is no limit
	HandshakeRatePerIP  int // a second; 0 is no limit
	ResumeWindow        time.Duration

	MultiLogin     string // replace, refuse or allow
	MaxPerPlatform int
	Platforms      map[string]int

	Topics   TopicsConfig
	Presence PresenceConfig

	Loops     int // 0 is one for each processor
	Workers   int // 0 depends on Store
	GCPercent int // 0 is the server's own

	Files   FilesConfig
	Hooks   HooksConfig
	Offline OfflineConfig
	Bots    []BotConfig
	Log     LogConfig

	// sources says where each key's value came from; set by Load.
	sources map[string]Source
}

// allOptions are all there is to set, in the order of the reference. They read and
// write the fields of c.
func allOptions(c *Config) []option {
	var all []option
	for _, section := range []struct {
		group   string
		options []option
	}{
		{"General", generalSection(c)},
		{"Database", databaseSection(c)},
		{"Public listener", publicSection(c)},
		{"Admin listener", adminSection(c)},
		{"Authentication", authSection(c)},
		{"Accounts", accountsSection(c)},
		{"Chat", chatSection(c)},
		{"Connections", connectionsSection(c)},
		{"Sessions", sessionsSection(c)},
		{"Topics and presence", topicsSection(c)},
		{"Runtime", runtimeSection(c)},
		{"Files", filesSection(c)},
		{"Backends", hooksSection(c)},
		{"Backends", phonesSection(c)},
		{"Backends", botsSection(c)},
		{"Log", logSection(c)},
	} {
		for _, o := range section.options {
			o.group = section.group
			all = append(all, o)
		}
	}
	return all
}
