package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// Size is a number of bytes. As text it is a number with an optional unit:
// B, KiB, MiB, GiB count in 1024, kB, MB, GB in 1000; case doesn't matter, a
// fraction is allowed and no unit is bytes.
type Size int64

// UnmarshalText reads a size; see Size for the form.
func (s *Size) UnmarshalText(text []byte) error {
	// The library drops commas, so 1,5MiB would silently be fifteen.
	if strings.ContainsRune(string(text), ',') {
		return fmt.Errorf("a comma in a size")
	}
	n, err := humanize.ParseBytes(string(text))
	if err != nil {
		return err
	}
	if n > math.MaxInt64 {
		return fmt.Errorf("size out of range")
	}
	*s = Size(n)
	return nil
}

// String writes the size in the largest unit that divides it.
func (s Size) String() string {
	units := []string{"B", "KiB", "MiB", "GiB"}
	n, unit := int64(s), 0
	for unit < len(units)-1 && n != 0 && n%1024 == 0 {
		n /= 1024
		unit++
	}
	return strconv.FormatInt(n, 10) + units[unit]
}
