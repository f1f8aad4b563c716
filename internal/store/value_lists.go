package store

import (
	"fmt"
	"slices"
	"strings"
)

// perStatement is how many values one statement takes in a list: few statements
// for a group of 10,000, and far from the 32,766 parameters that SQLite stops at.
const perStatement = 1000

// inChunks calls f with the values in parts that fit a statement.
func inChunks(values []string, f func(part []string) error) error {
	for part := range slices.Chunk(values, perStatement) {
		if err := f(part); err != nil {
			return err
		}
	}
	return nil
}

// placeholders appends the values to the arguments, and writes their numbers as
// "$4,$5,$6".
func placeholders(args []any, values []string) (string, []any) {
	return valueRows("%s", args, values)
}

// valueRows is placeholders with each number within a text that has %s for it.
func valueRows(row string, args []any, values []string) (string, []any) {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		args = append(args, v)
		fmt.Fprintf(&b, row, fmt.Sprintf("$%d", len(args)))
	}
	return b.String(), args
}

// distinct is each value once, in ascending order, so that transactions which add
// the same users don't wait for each other in a circle.
func distinct(values []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(values)))
}
