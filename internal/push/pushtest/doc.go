// Package pushtest holds the contracts of package push's ports as tests: Directory,
// Topics and Idempotency each run one. Tests of each implementation call them; no product
// code does. Node is the fake of directory and topics, for tests of services and doors; it
// passes too.
package pushtest
