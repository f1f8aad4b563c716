package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is something that went wrong, and how often.
type Problem struct {
	What  string `json:"what"`
	Count int64  `json:"count"`
}

func (p Problem) String() string { return fmt.Sprintf("%s (%d)", p.What, p.Count) }

// Problems are all that went wrong in one run. Its zero value is ready.
type Problems []Problem

// Add adds count of something that went wrong; none for 0.
func (p *Problems) Add(count int64, format string, args ...any) {
	if count > 0 {
		*p = append(*p, Problem{fmt.Sprintf(format, args...), count})
	}
}

// Lines is one line for each problem; about is what they are problems of, or
// empty.
func (p Problems) Lines(about string) string {
	var b strings.Builder
	for _, problem := range p {
		fmt.Fprintf(&b, "PROBLEM  %s%s\n", about, problem)
	}
	return b.String()
}

// Finish puts what went wrong most often first and tells whether nothing did.
// Call it once, when all is counted. In a file, none is an empty list.
func (p *Problems) Finish() (ok bool) {
	if *p == nil {
		*p = Problems{}
	}
	slices.SortStableFunc(*p, func(a, b Problem) int { return cmp.Compare(b.Count, a.Count) })
	return len(*p) == 0
}
