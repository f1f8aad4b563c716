package clients

// MaxRounds is how many broadcasts one run can tell apart: a bit each.
const MaxRounds = 32

// Keys of the messages that a trial sends; everything else that arrives is not
// the trial's. Times are Unix nanoseconds of the one clock that all processes of
// a machine share.
const (
	RunKey    = "million_run"    // a number of this trial alone
	RoundKey  = "million_round"  // of a broadcast, from 0
	SingleKey = "million_single" // of a push to one user, who is client so-and-so
	SentKey   = "million_sent"   // when it was posted
)

// Status is what a client process has counted so far. It is written whole, one line of
// JSON each time, so a reader needs only the last one.
type Status struct {
	Ready     int64            `json:"ready"` // logged in so far
	Failed    int64            `json:"failed"`
	Lost      int64            `json:"lost"`    // were logged in and ended
	Beats     int64            `json:"beats"`   // heartbeats sent
	Pending   int64            `json:"pending"` // of those, not answered yet
	Rounds    []Round          `json:"rounds"`
	Singles   []float64        `json:"singles"` // seconds that each push to one user took, in order of arrival
	Twice     int64            `json:"twice"`
	Misplaced int64            `json:"misplaced"` // for somebody else, or an unknown round
	Causes    map[string]int64 `json:"causes,omitempty"`
	Calm      int64            `json:"calm"` // 1 when heartbeats have ended, as asked
}

// Round is one broadcast as the process saw it.
type Round struct {
	Arrived int64 `json:"arrived"`
	First   int64 `json:"first"` // Unix nanoseconds
	Last    int64 `json:"last"`
}
