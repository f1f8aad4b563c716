package config

import "strings"

// Shorten keeps what an error quotes to a line's length.
func Shorten(text string) string {
	const most = 80
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
