package hub

import "encoding/hex"

// idLen is the length of a session id's text form.
const idLen = 16

// FormatID writes a session id as 16 lower-case hexadecimal digits.
func FormatID(id uint64) string {
	return string(AppendID(make([]byte, 0, idLen), id))
}

// AppendID appends what FormatID returns.
func AppendID(dst []byte, id uint64) []byte {
	const digits = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, digits[id>>shift&15])
	}
	return dst
}

// ParseID reads exactly what FormatID writes; everything else, and the id zero
// that no session has, is ErrID.
func ParseID(text string) (uint64, error) {
	id, ok := parseHex(text)
	if !ok || id == 0 {
		return 0, ErrID
	}
	return id, nil
}

// parseHex reads 16 lower-case hexadecimal digits. One value has one spelling,
// so that ids and cursors can be compared as text.
func parseHex(text string) (v uint64, ok bool) {
	if len(text) != idLen {
		return 0, false
	}
	for i := range len(text) {
		if text[i] >= 'A' && text[i] <= 'F' {
			return 0, false
		}
	}
	var raw [idLen / 2]byte
	if _, err := hex.Decode(raw[:], []byte(text)); err != nil {
		return 0, false
	}
	for _, b := range raw {
		v = v<<8 | uint64(b)
	}
	return v, true
}
