package files

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
)

// inspectMedia fills in how long a sound or video is, where its container says so in a
// place that is cheap to find: WAV, and the MP4 family. It refuses nothing: players
// know better what they can play.
func (s *Service) inspectMedia(ctx context.Context, f *File) error {
	var read func(io.ReadSeeker, *File) error
	switch f.Type {
	case "audio/wav":
		read = readWAV
	case "video/mp4", "audio/mp4", "audio/x-m4a", "video/x-m4v", "video/quicktime", "video/3gpp":
		read = readMP4
	default:
		return nil
	}
	r, err := s.bucket.openRange(ctx, objectKey(f.ID), 0, -1)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // only read
	measured := *f
	if read(r, &measured) == nil {
		*f = measured
	}
	return ctx.Err()
}

var errContainer = errors.New("files: not as the container's specification has it")

// maxParts bounds how many chunks or boxes are looked at.
const maxParts = 256

// maxDuration bounds what a header may claim: a day, in milliseconds.
const maxDuration = 24 * 60 * 60 * 1000

// readWAV walks the chunks of a RIFF file up to its samples.
func readWAV(r io.ReadSeeker, f *File) error {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	rate := uint64(0)
	for range maxParts {
		if _, err := io.ReadFull(r, head[:8]); err != nil {
			return err
		}
		size := binary.LittleEndian.Uint32(head[4:])
		switch string(head[:4]) {
		case "fmt ":
			var format [16]byte
			if _, err := io.ReadFull(r, format[:]); err != nil || size < 16 {
				return errContainer
			}
			rate = uint64(binary.LittleEndian.Uint32(format[8:])) // bytes a second
			size -= 16
		case "data":
			if rate == 0 {
				return errContainer
			}
			return f.setDuration(min(uint64(size), uint64(f.Size))*1000, rate)
		}
		if _, err := r.Seek(int64(size)+int64(size&1), io.SeekCurrent); err != nil {
			return err
		}
	}
	return errContainer
}

// readMP4 walks the boxes of ISO 14496-12: moov/mvhd has the duration, and the
// first moov/trak/tkhd with one has width and height.
func readMP4(r io.ReadSeeker, f *File) error {
	parts := maxParts
	return walkBoxes(r, 0, f.Size, &parts, func(kind string, at, end int64) error {
		switch kind {
		case "moov", "trak":
			return errDescend
		case "mvhd":
			return readMovieHeader(r, end-at, f)
		case "tkhd":
			return readTrackHeader(r, end-at, f)
		}
		return nil
	})
}

var errDescend = errors.New("look into this box")

// walkBoxes calls visit with each box between two offsets, and walks into those for
// which visit returns errDescend. The reader stands at the box's content.
func walkBoxes(r io.ReadSeeker, at, end int64, parts *int, visit func(kind string, at, end int64) error) error {
	for at+8 <= end {
		if *parts--; *parts < 0 {
			return errContainer
		}
		var head [16]byte
		if _, err := r.Seek(at, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.ReadFull(r, head[:8]); err != nil {
			return err
		}
		size, start := int64(binary.BigEndian.Uint32(head[:])), at+8
		switch size {
		case 0:
			size = end - at // up to the end
		case 1:
			if _, err := io.ReadFull(r, head[8:]); err != nil {
				return err
			}
			size, start = int64(binary.BigEndian.Uint64(head[8:])), at+16
		}
		if size < start-at || size > end-at {
			return errContainer
		}
		switch err := visit(string(head[4:8]), start, at+size); {
		case errors.Is(err, errDescend):
			if err := walkBoxes(r, start, at+size, parts, visit); err != nil {
				return err
			}
		case err != nil:
			return err
		}
		at += size
	}
	return nil
}

func readMovieHeader(r io.Reader, length int64, f *File) error {
	var b [32]byte
	if _, err := io.ReadFull(r, b[:min(length, 32)]); err != nil || length < 20 {
		return errContainer
	}
	if b[0] == 1 { // times of 64 bits
		if length < 32 {
			return errContainer
		}
		return f.setDuration(binary.BigEndian.Uint64(b[24:])*1000, uint64(binary.BigEndian.Uint32(b[20:])))
	}
	return f.setDuration(uint64(binary.BigEndian.Uint32(b[16:]))*1000, uint64(binary.BigEndian.Uint32(b[12:])))
}

func readTrackHeader(r io.Reader, length int64, f *File) error {
	if length < 84 || length > 256 {
		return errContainer
	}
	b := make([]byte, length)
	if _, err := io.ReadFull(r, b); err != nil {
		return err
	}
	// Fixed point of 16.16, the last two words.
	w, h := int(binary.BigEndian.Uint16(b[length-8:])), int(binary.BigEndian.Uint16(b[length-4:]))
	if f.Width == 0 && w > 0 && h > 0 {
		// A matrix that begins with 0 turns by a quarter, as phones held upright write it.
		if matrix := b[length-44:]; binary.BigEndian.Uint32(matrix) == 0 && binary.BigEndian.Uint32(matrix[4:]) != 0 {
			w, h = h, w
		}
		f.Width, f.Height = w, h
	}
	return nil
}

// setDuration sets the duration to a fraction of milliseconds.
func (f *File) setDuration(numerator, denominator uint64) error {
	if denominator == 0 || numerator/denominator > maxDuration {
		return errContainer
	}
	f.Duration = int(numerator / denominator)
	return nil
}
