package config

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"pushd/internal/files"
)

const (
	// noFiles is the files.url of a server that takes none.
	noFiles = "none"
	// minFilesKey is what a signature of SHA-256 deserves, in bytes.
	minFilesKey = 32
)

var errShortFilesKey = fmt.Errorf("is shorter than %d bytes; make one with `pushd keys api`", minFilesKey)

// FilesConfig says what users may upload, and where it is kept.
type FilesConfig struct {
	URL        string
	Key        Secret
	MaxSize    Size
	Quota      Size
	PerUser    int
	Uploads    int
	MaxPixels  int
	Types      []string
	LinkTime   time.Duration
	Unattached time.Duration
}

func filesSection(c *Config) []option {
	d := files.Options{}.WithDefaults()
	return []option{
		opt("files.url", &c.Files.URL, "", option{
			rule: parseBucket,
			usage: "Where uploaded files are kept: file:///DIRECTORY, s3://BUCKET?region=REGION for S3 and, with " +
				"&endpoint=https://HOST&use_path_style=true, for stores compatible with it, or none for no files at " +
				"all. Empty is data-dir/files. Credentials for S3 come from AWS_ACCESS_KEY_ID and " +
				"AWS_SECRET_ACCESS_KEY, or wherever else its SDK looks.",
		}),
		opt("files.key", &c.Files.Key, "", option{
			usage: "What links to files are signed with, at least 32 bytes, or @FILE that holds it; the same on every " +
				"node. Without it one is generated in data-dir/files.key.",
		}),
		opt("files.max-size", &c.Files.MaxSize, Size(d.MaxSize), option{
			min: "1KiB", max: "16GiB",
			usage: "Size of one file.",
		}),
		opt("files.quota", &c.Files.Quota, Size(d.Quota), option{
			min: "1KiB", max: "1000000GiB",
			usage: "Size of all files of one user; more is answered 429.",
		}),
		opt("files.per-user", &c.Files.PerUser, d.PerUser, option{
			min: "1", max: "1000",
			usage: "Uploads of one user at once; more is answered 429.",
		}),
		opt("files.uploads", &c.Files.Uploads, d.AtOnce, option{
			min: "1", max: "10000",
			usage: "Uploads at once on this node; more is answered 503. Each takes 5 MiB of memory on its way to S3.",
		}),
		opt("files.max-pixels", &c.Files.MaxPixels, d.MaxPixels, option{
			min: "1", max: "1000000000",
			usage: "Pixels of a picture, so that a small file doesn't become a huge picture in somebody's memory; more " +
				"is answered 413.",
		}),
		opt("files.types", &c.Files.Types, d.Types, option{
			usage: "Media types that are taken, as the content of a file shows and not its name; * at the end stands for " +
				"anything. With application/octet-stream everything else is taken too, HTML, SVG and programs among " +
				"it, and only ever downloaded.",
		}),
		opt("files.link-time", &c.Files.LinkTime, d.LinkTime, option{
			min: "1m", max: "168h",
			usage: "For how long a link to a file works without a token: at least this, at most twice that.",
		}),
		opt("files.unattached", &c.Files.Unattached, d.Unattached, option{
			min: "1m", max: "8760h",
			usage: "After this a file is removed that no message carries.",
		}),
	}
}

// parseBucket is the rule of files.url.
func parseBucket(text string) (string, error) {
	if text == "" || text == noFiles || files.CheckAddress(text) == nil {
		return text, nil
	}
	return "", errors.New("accepted is none, file:///DIRECTORY, or s3://BUCKET?region=REGION")
}

func (c *Config) checkFiles() error {
	var errs []error
	if _, file := c.Files.Key.File(); c.Files.Key != "" && !file && len(c.Files.Key.Reveal()) < minFilesKey {
		errs = append(errs, fmt.Errorf("files.key (%s): %w", c.Source("files.key"), errShortFilesKey))
	}
	if c.Files.MaxSize > c.Files.Quota {
		errs = append(errs, fmt.Errorf("files.max-size (%s): %s is more than files.quota, %s, lets a user have",
			c.Source("files.max-size"), c.Files.MaxSize, c.Files.Quota))
	}
	return errors.Join(errs...)
}

// Bucket is the address that files.Open takes, "" when there are to be no files.
func (c *Config) Bucket() (string, error) {
	switch c.Files.URL {
	case noFiles:
		return "", nil
	case "":
		dir, err := filepath.Abs(filepath.Join(c.DataDir, "files"))
		if err != nil {
			return "", fmt.Errorf("files.url: %w", err)
		}
		return (&url.URL{Scheme: "file", Path: dir}).String(), nil
	}
	return c.Files.URL, nil
}

// FilesOptions are the options of the file service but for its clock and log. key
// is that of FilesKey.
func (c *Config) FilesOptions(key string) files.Options {
	o := c.Files
	return files.Options{
		Key: []byte(key), MaxSize: int64(o.MaxSize), Quota: int64(o.Quota), PerUser: o.PerUser, AtOnce: o.Uploads,
		MaxPixels: o.MaxPixels, Types: o.Types, LinkTime: o.LinkTime, Unattached: o.Unattached,
	}
}
