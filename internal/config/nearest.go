package config

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// Nearest returns the candidate that was probably meant by a mistyped name, or
// "" when none is close. A name that leaves out leading parts of a key counts
// as close: level for log.level, jwt.key for auth.jwt.key.
func Nearest(name string, candidates []string) string {
	name = plain(name)
	best, bestDistance := "", len(name)/2+1
	for _, candidate := range candidates {
		if d := distance(name, plain(candidate)); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// plain levels the spellings that people mix up: case, and _ for -.
func plain(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "_", "-")
}

func distance(name, candidate string) int {
	d := levenshtein.ComputeDistance(name, candidate)
	for skipped := 1; ; skipped++ {
		_, rest, ok := strings.Cut(candidate, ".")
		if !ok {
			return d
		}
		d = min(d, levenshtein.ComputeDistance(name, rest)+skipped)
		candidate = rest
	}
}

// didYouMean ends an error about an unknown name: with the nearest valid one,
// or with where to find them all.
func didYouMean(name string, candidates []string) string {
	if near := Nearest(name, candidates); near != "" {
		return "; did you mean " + near + "?"
	}
	return "; see `pushd config reference` for all of them"
}
