// Package system tests the built server as a process, over its real sockets:
// what only shows when everything is wired together, and what a fault in one
// client does to the others, to the process, to its metrics and to its log. It
// knows the server's interfaces and nothing of its insides.
package system
