package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"time"

	"pushd/internal/files"
)

const (
	// noFiles is the files.url of a server that takes none.
	noFiles = "none"
	// filesKeyFile is the generated key in the data directory.
	filesKeyFile = "files.key"
	// minFilesKey is what a signature of SHA-256 deserves, in bytes.
	minFilesKey = 32
	// bucketTime is how long a start waits to hear whether the bucket is there.
	bucketTime = 5 * time.Second
)

// fileService is the file service and what it keeps bytes in. Run cleans until
// its context ends; Close comes after the doors are shut.
type fileService struct {
	*files.Service
	bucket *files.Bucket
}

// Close ends the use of the bucket.
func (f *fileService) Close() error { return f.bucket.Close() }

// newFiles makes what the configuration says; it is nil when it says none, and
// without a store nobody knows who may read a file. A bucket that can't be reached
// now is no reason not to start: it may come back.
func newFiles(ctx context.Context, cfg *Config, store files.Store, log *slog.Logger) (*fileService, error) {
	if cfg.Files.URL == noFiles || store == nil {
		return nil, nil
	}
	key, err := filesKey(cfg, log)
	if err != nil {
		return nil, fmt.Errorf("files.key: %w", err)
	}
	address := cfg.Files.URL
	if address == "" {
		dir, err := filepath.Abs(filepath.Join(cfg.DataDir, "files"))
		if err != nil {
			return nil, fmt.Errorf("files.url: %w", err)
		}
		address = (&url.URL{Scheme: "file", Path: dir}).String()
	}
	bucket, err := files.Open(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("files.url: %w", err)
	}
	reach, cancel := context.WithTimeout(ctx, bucketTime)
	defer cancel()
	if err := bucket.Reachable(reach); err != nil {
		log.Warn("files can't be stored now", slog.String("error", err.Error()))
	}
	c := cfg.Files
	return &fileService{bucket: bucket, Service: files.New(store, bucket, files.Options{
		Key: []byte(key), MaxSize: int64(c.MaxSize), Quota: int64(c.Quota), PerUser: c.PerUser, AtOnce: c.Uploads,
		MaxPixels: c.MaxPixels, Types: c.Types, LinkTime: c.LinkTime, Unattached: c.Unattached, Log: log,
	})}, nil
}

// filesKey is the configured key, or the generated one.
func filesKey(cfg *Config, log *slog.Logger) (string, error) {
	if cfg.Files.Key != "" {
		key, err := resolve(cfg.Files.Key)
		if err == nil && len(key) < minFilesKey {
			err = fmt.Errorf("is shorter than %d bytes; make one with `pushd keys api`", minFilesKey)
		}
		return key, err
	}
	name := filepath.Join(cfg.DataDir, filesKeyFile)
	created, err := createKeyFile(name)
	if err != nil {
		return "", fmt.Errorf("create %s: %w", name, err)
	}
	if created {
		log.Info("made a key", slog.String("file", name))
	}
	return readKeyFile(name)
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
		errs = append(errs, fmt.Errorf("files.key (%s): is shorter than %d bytes; make one with `pushd keys api`", c.source("files.key"), minFilesKey))
	}
	if c.Files.MaxSize > c.Files.Quota {
		errs = append(errs, fmt.Errorf("files.max-size (%s): %s is more than files.quota, %s, lets a user have", c.source("files.max-size"), c.Files.MaxSize, c.Files.Quota))
	}
	return errors.Join(errs...)
}
