package main

import "pushd/internal/gateway"

// modules is what this server offers to clients beyond the built-in actions: a
// line for each module. docs/modules.md shows how to write one.
func modules() []gateway.Module {
	return []gateway.Module{}
}
