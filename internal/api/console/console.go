// Package console holds the page that the server shows at /: it connects to
// the server that it came from, logs in, shows every frame, and gives the lines
// of JavaScript that a site needs. The files are served as they are, without a
// build step, and ask nothing of any other host. Package api serves them; this
// package knows no HTTP.
package console

import "embed"

// Files has index.html and everything that it refers to, by paths relative to
// it. Among them is client.js, the protocol's client for browsers, which sites
// import or copy.
//
//go:embed index.html style.css icon.svg *.js
var Files embed.FS
