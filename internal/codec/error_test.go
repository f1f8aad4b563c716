package codec_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pushd/internal/codec"
)

func TestErrorf(t *testing.T) {
	for _, tt := range []struct {
		code      int
		temporary bool
	}{
		{codec.CodeMalformed, false},
		{codec.CodeForbidden, false},
		{codec.CodeInternal, false},
		{codec.CodeTooMany, true},
		{codec.CodeUnavailable, true},
	} {
		e := codec.Errorf(tt.code, "no %s", "way")
		if e.Code != tt.code || e.Msg != "no way" || e.Temporary != tt.temporary {
			t.Errorf("Errorf(%d) = %+v", tt.code, e)
		}
	}
}

func TestAsError(t *testing.T) {
	denied := codec.Errorf(codec.CodeForbidden, "not yours")
	secret := errors.New("dial tcp 10.0.0.1: refused")
	for _, tt := range []struct {
		name      string
		err       error
		code      int
		msg       string
		temporary bool
	}{
		{"itself", denied, 403, "not yours", false},
		{"wrapped", fmt.Errorf("send: %w", denied), 403, "not yours", false},
		{"unknown", secret, 500, "internal error", false},
		{"deadline", fmt.Errorf("query: %w", context.DeadlineExceeded), 503, "timed out", true},
		{"canceled", context.Canceled, 503, "canceled", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := codec.AsError(tt.err)
			if e.Code != tt.code || e.Msg != tt.msg || e.Temporary != tt.temporary {
				t.Errorf("got %+v", e)
			}
		})
	}
	if codec.AsError(nil) != nil {
		t.Error("AsError(nil) is not nil")
	}
	if !errors.Is(codec.AsError(secret), secret) {
		t.Error("the cause of an internal error is lost for the log")
	}
}

// TestErrorInTheLog: the log tells the cause, which the client is not told.
func TestErrorInTheLog(t *testing.T) {
	e := codec.Errorf(codec.CodeUnavailable, "the database can't answer now")
	if got := e.LogValue().String(); got != "503: the database can't answer now" {
		t.Errorf("without a cause: %q", got)
	}
	e.Cause = errors.New("disk on fire")
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", slog.Any("error", e))
	if !strings.Contains(log.String(), `error="503: the database can't answer now: disk on fire"`) {
		t.Errorf("logged %s", &log)
	}
	if strings.Contains(e.Error(), "fire") {
		t.Error("the cause is in what clients are told")
	}
}
