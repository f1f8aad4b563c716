package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"pushd/internal/config"
	"pushd/internal/files"
)

// bucketTime is how long a start waits to hear whether the bucket is there.
const bucketTime = 5 * time.Second

// fileService is the file service and what it keeps bytes in. Run cleans until
// its context ends; Close comes after the doors are shut.
type fileService struct {
	*files.Service
	bucket *files.Bucket
}

// look says in the log whether the bucket is there. One that can't be reached now
// is no reason not to start: it may come back.
func (f *fileService) look(ctx context.Context, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, bucketTime)
	defer cancel()
	if err := f.bucket.Reachable(ctx); err != nil {
		log.Warn("files can't be stored now", slog.Any("error", err))
	}
}

// Close ends the use of the bucket.
func (f *fileService) Close() error { return f.bucket.Close() }

// newFiles makes what the configuration says; it is nil when it says none, and
// without a store nobody knows who may read a file.
func newFiles(ctx context.Context, cfg *config.Config, store files.Store, log *slog.Logger) (*fileService, error) {
	address, err := cfg.Bucket()
	if err != nil || address == "" || store == nil {
		return nil, err
	}
	key, err := filesKey(cfg, log)
	if err != nil {
		return nil, fmt.Errorf("files.key: %w", err)
	}
	bucket, err := files.Open(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("files.url: %w", err)
	}
	options := cfg.FilesOptions(key)
	options.Log = log
	return &fileService{bucket: bucket, Service: files.New(store, bucket, options)}, nil
}

// filesKey is the configured key, or the generated one.
func filesKey(cfg *config.Config, log *slog.Logger) (string, error) {
	key, made, err := cfg.FilesKey(true)
	if made != "" {
		log.Info("made a key", slog.String("file", made))
	}
	return key, err
}
