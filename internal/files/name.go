package files

import (
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is how long a name may be, in bytes: what file systems allow.
const maxName = 255

// executableExtensions are those by which a double click runs a file, whatever is in
// it.
var executableExtensions = []string{
	".html", ".htm", ".xhtml", ".shtml", ".svg", ".xml", ".js", ".mjs", ".jse", ".vbs", ".wsf", ".hta",
	".exe", ".com", ".scr", ".bat", ".cmd", ".msi", ".ps1", ".lnk", ".url", ".jar", ".sh", ".desktop", ".app",
}

// cleanName makes a name that is safe in a path, in a header and on any disk of the
// one that the uploader gave. extension is that of the file's type; it is added when
// the name has none, or one that runs.
func cleanName(name, contentType, extension string) string {
	if !utf8.ValidString(name) {
		name = strings.ToValidUTF8(name, "_")
	}
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r): // the latter turn text around
			return -1
		case strings.ContainsRune(`<>:"|?*%`, r):
			return '_'
		}
		return r
	}, name)
	name = strings.TrimFunc(name, func(r rune) bool { return unicode.IsSpace(r) || r == '.' })
	if name == "" {
		name = "file"
	}
	if extension == "" {
		extension = ".bin"
	}
	ext := strings.ToLower(path.Ext(name))
	if ext == "" || contentType != anyType && slices.Contains(executableExtensions, ext) {
		name += extension
	}
	return shorten(name)
}

// shorten cuts the part before the extension.
func shorten(name string) string {
	if len(name) <= maxName {
		return name
	}
	ext := path.Ext(name)
	if len(ext) > 16 {
		ext = ".bin"
	}
	stem := name[:maxName-len(ext)]
	for !utf8.ValidString(stem) {
		stem = stem[:len(stem)-1]
	}
	return stem + ext
}
