// Package config owns the options of the server: what there is to set, its
// bounds and its default, how defaults, file, environment and flags are laid over
// each other, which combinations are refused, and what every option means to the
// package that it is for. It also reads and makes the key files that options name.
//
// cmd/pushd alone calls it, and hands it the command line and the environment. It
// never listens, connects or starts anything.
//
// A default stands once: where an option goes to a package, in that package's
// WithDefaults; everywhere else at the option itself.
package config
