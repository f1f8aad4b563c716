// Package delivertest is the contract of package delivery as tests: whatever
// implements its ports passes Run, be it one node, several, or a fake. Node is the
// fake, for tests of services; it passes too.
package delivertest
