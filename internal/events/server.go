package events

// ServerStarted is published by cmd/pushd when everything works and the first client
// can come. It is the process's own event, which belongs to no service. That the server
// ends is no event: whoever has last things to do does them in its Shutdown(ctx), which
// can be waited for.
type ServerStarted struct{}
