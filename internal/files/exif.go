package files

import (
	"bytes"
	"encoding/binary"
	"image"
)

// orientation is how a camera was held, as EXIF 2.3 tag 0x0112 has it: 1 to 8.
// Browsers turn pictures by it; so a thumbnail, which has no EXIF, is turned here.
type orientation uint16

const upright orientation = 1

// orientationOf reads it from the beginning of a JPEG; upright when it isn't said.
func orientationOf(jpeg []byte) orientation {
	const (
		soi, app1, sos = 0xd8, 0xe1, 0xda
		tag            = 0x0112
	)
	if len(jpeg) < 4 || jpeg[0] != 0xff || jpeg[1] != soi {
		return upright
	}
	for rest := jpeg[2:]; len(rest) >= 4 && rest[0] == 0xff && rest[1] != sos; {
		length := int(binary.BigEndian.Uint16(rest[2:])) + 2
		if length < 4 || length > len(rest) {
			break
		}
		segment := rest[4:length]
		if rest[1] == app1 && bytes.HasPrefix(segment, []byte("Exif\x00\x00")) {
			return tiffTag(segment[6:], tag)
		}
		rest = rest[length:]
	}
	return upright
}

// tiffTag finds the tag in the first directory of a TIFF structure.
func tiffTag(tiff []byte, tag uint16) orientation {
	if len(tiff) < 8 {
		return upright
	}
	var order binary.ByteOrder = binary.BigEndian
	if tiff[0] == 'I' {
		order = binary.LittleEndian
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return upright
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < 12 {
			break
		}
		if order.Uint16(entries) == tag {
			if o := orientation(order.Uint16(entries[8:])); o >= 1 && o <= 8 {
				return o
			}
			break
		}
		entries = entries[12:]
	}
	return upright
}

// size is that of the picture once it is turned.
func (o orientation) size(w, h int) (int, int) {
	if o >= 5 {
		return h, w
	}
	return w, h
}

// apply turns a picture so that its top is up.
func (o orientation) apply(p *image.RGBA) *image.RGBA {
	if o == upright {
		return p
	}
	w, h := p.Rect.Dx(), p.Rect.Dy()
	tw, th := o.size(w, h)
	turned := image.NewRGBA(image.Rect(0, 0, tw, th))
	for y := range h {
		for x := range w {
			tx, ty := x, y
			switch o {
			case 2:
				tx = w - 1 - x
			case 3:
				tx, ty = w-1-x, h-1-y
			case 4:
				ty = h - 1 - y
			case 5:
				tx, ty = y, x
			case 6:
				tx, ty = h-1-y, x
			case 7:
				tx, ty = h-1-y, w-1-x
			case 8:
				tx, ty = y, w-1-x
			}
			turned.SetRGBA(tx, ty, p.RGBAAt(x, y))
		}
	}
	return turned
}
