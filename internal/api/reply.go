package api

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/valyala/fasthttp"

	"pushd/internal/codec"
)

const typeJSON = "application/json"

// statusError is an error whose HTTP status says more than its code.
type statusError struct {
	status int
	answer *codec.Error
}

func (e *statusError) Error() string { return e.answer.Error() }
func (e *statusError) Unwrap() error { return e.answer }

// errorReply is the body of every error.
type errorReply struct {
	Error errorBody `json:"error"`
}

type errorBody struct {
	Code      int    `json:"code"`
	Message   string `json:"message"`
	Temporary bool   `json:"temporary"`
}

// reply writes v with status 200; a struct{} is 204 without a body.
func reply(r *request, v any) error {
	if _, empty := v.(struct{}); empty {
		r.http.SetStatusCode(fasthttp.StatusNoContent)
		return nil
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // it is no HTML, and a link with \u0026 in it can't be copied
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("encode a reply of %T: %w", v, err)
	}
	r.http.SetContentType(typeJSON)
	r.http.SetBody(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
	return nil
}

// fail writes the error that answers the request.
func fail(r *request, err error) {
	e := codec.AsError(err)
	status := e.Code
	var s *statusError
	if errors.As(err, &s) {
		status = s.status
	}
	h := &r.http.Response.Header
	switch status {
	case fasthttp.StatusUnauthorized:
		h.Add("WWW-Authenticate", `Bearer realm="pushd"`)
	case fasthttp.StatusTooManyRequests, fasthttp.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(retryAfter(e.RetryAfter)))
	}
	b, err := json.Marshal(errorReply{errorBody{e.Code, e.Msg, e.Temporary}})
	if err != nil {
		panic(err) // three plain fields
	}
	r.http.SetStatusCode(status)
	r.http.SetContentType(typeJSON)
	r.http.SetBody(b)
}

// retryAfter is in whole seconds and never 0.
func retryAfter(d time.Duration) int {
	return max(1, int((d+time.Second-1)/time.Second))
}

// readError says what was wrong with bytes that are not a request.
func readError(err error) error {
	var small *fasthttp.ErrSmallBuffer
	var timeout net.Error
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return codec.Errorf(codec.CodeTooLarge, "a request body is at most %d bytes long", maxBody)
	case errors.As(err, &small):
		return &statusError{
			fasthttp.StatusRequestHeaderFieldsTooLarge,
			codec.Errorf(codec.CodeTooLarge, "the request line and headers are at most %d bytes long", maxHeader),
		}
	case errors.As(err, &timeout) && timeout.Timeout():
		return &statusError{
			fasthttp.StatusRequestTimeout,
			codec.Errorf(codec.CodeMalformed, "the request did not arrive within %s", readTimeout),
		}
	}
	e := codec.Errorf(codec.CodeMalformed, "this is not a complete HTTP request")
	e.Cause = err
	return e
}

// requestID is the client's own where that is harmless in a log, else a new one.
func requestID(ctx *fasthttp.RequestCtx) string {
	const longest = 128
	id := ctx.Request.Header.Peek("X-Request-Id")
	ok := len(id) > 0 && len(id) <= longest
	for _, c := range id {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.')
	}
	if ok {
		return string(id)
	}
	return ulid.MustNew(ulid.Timestamp(time.Now()), rand.Reader).String()
}
