// Package console holds the page that the server shows at /: a messenger, and a
// part for developers that shows every frame and gives the lines of JavaScript
// that a site needs. The files are served as they are, without a build step, and
// ask nothing of any other host. Package api serves them; this package knows no
// HTTP.
package console

import "embed"

// Files has index.html and everything that it refers to, by paths relative to
// it. Among them are client.js, the protocol's client for browsers, and chat.js
// with conversations on top of it, which sites import or copy.
//
//go:embed index.html *.css icon.svg *.js view/*.js
var Files embed.FS
