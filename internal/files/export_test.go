package files

import (
	"bytes"
	"fmt"
)

// MediaOf reads what the headers of a sound or video say.
func MediaOf(kind string, content []byte) (width, height, duration int) {
	f := File{Size: int64(len(content))}
	read := readMP4
	if kind == "wav" {
		read = readWAV
	}
	_ = read(bytes.NewReader(content), &f) // whatever it makes of it
	if f.Duration > maxDuration {
		panic(fmt.Sprintf("a duration of %d", f.Duration))
	}
	return f.Width, f.Height, f.Duration
}

// OrientationOf and CleanName are the parsers of what comes from outside.
func OrientationOf(jpeg []byte) int { return int(orientationOf(jpeg)) }

func CleanName(name, contentType, extension string) string {
	return cleanName(name, contentType, extension)
}

// ParseURL reads the path of a file.
func ParseURL(path string) (id, name string, ok bool) { return parseURL(path) }
