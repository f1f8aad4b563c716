package files

import (
	"bufio"
	"bytes"
	"context"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"log/slog"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"

	"pushd/internal/codec"
)

// format is an image format that thumbnails can be made of. The decoders are named here instead
// of registered, so that what is decoded is what was sniffed and nothing else.
type format struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

func formatOf(contentType string) (format, bool) {
	switch contentType {
	case "image/png":
		return format{png.DecodeConfig, png.Decode}, true
	case "image/jpeg":
		return format{jpeg.DecodeConfig, jpeg.Decode}, true
	case "image/gif":
		return format{gif.DecodeConfig, gif.Decode}, true // the first picture of it
	case "image/webp":
		return format{webp.DecodeConfig, webp.Decode}, true
	}
	return format{}, false
}

// headerLen is how far into a picture its size may stand, behind whatever a
// camera or an editor put there.
const headerLen = 4 << 20

// exifLen is how much of a JPEG is looked at for which side is up: the length of
// the one segment that says it, and what may come before.
const exifLen = 72 << 10

// inspectImage fills in the size of a picture, makes its thumbnail, and refuses one
// that would take all memory of whoever decodes it. A picture that clients can show
// and that can't be decoded here, such as an animated WebP, gets no thumbnail.
func (s *Service) inspectImage(ctx context.Context, f *File) error {
	codecs, ok := formatOf(f.Type)
	if !ok {
		return nil
	}
	r, err := s.bucket.openRange(ctx, objectKey(f.ID), 0, -1)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // only read
	buffered := bufio.NewReaderSize(r, exifLen)
	turn := upright
	if f.Type == "image/jpeg" {
		head, _ := buffered.Peek(exifLen) // a shorter file is no error here
		turn = orientationOf(head)
	}
	var read bytes.Buffer
	config, err := codecs.config(io.TeeReader(io.LimitReader(buffered, headerLen), &read))
	if err != nil {
		return refuse("this picture can't be read: it is cut short or damaged")
	}
	// A product of two ints of a decoder can't pass 64 bits.
	if pixels := int64(config.Width) * int64(config.Height); pixels > int64(s.opts.MaxPixels) {
		return codec.Errorf(codec.CodeTooLarge,
			"a picture has at most %d pixels; this one has %d × %d", s.opts.MaxPixels, config.Width, config.Height)
	}
	if config.Width < 1 || config.Height < 1 {
		return refuse("this picture has no pixels")
	}
	f.Width, f.Height = turn.size(config.Width, config.Height)
	if err := s.thumbnail(ctx, f, codecs, config, turn, io.MultiReader(&read, buffered)); err != nil {
		s.log.Warn("a picture is stored without a thumbnail", logFile(f.ID), slog.String("type", f.Type), slog.Any("error", err))
	}
	return ctx.Err()
}

// thumbnail makes and stores the small picture.
func (s *Service) thumbnail(
	ctx context.Context, f *File, codecs format, config image.Config, turn orientation, r io.Reader,
) error {
	// Eight bytes a pixel is what the greediest decoders take: progressive JPEG and
	// PNG of 16 bits. The floor stands for what they take besides.
	need := min(int64(config.Width)*int64(config.Height)*8+(4<<20), thumbMemory)
	if err := s.memory.Acquire(ctx, need); err != nil {
		return err
	}
	defer s.memory.Release(need)
	whole, err := codecs.decode(r)
	if err != nil {
		return err
	}
	small := turn.apply(shrink(whole))
	var out bytes.Buffer
	kind := "image/png"
	if small.Opaque() {
		kind = "image/jpeg"
		err = jpeg.Encode(&out, small, &jpeg.Options{Quality: 82})
	} else {
		err = png.Encode(&out, small)
	}
	if err != nil {
		return err
	}
	if _, err := s.bucket.write(ctx, thumbKey(f.ID), kind, &out); err != nil {
		return err
	}
	f.Thumb = kind
	return nil
}

// shrink fits a picture into a square of thumbSide; a smaller one keeps its size.
func shrink(whole image.Image) *image.RGBA {
	b := whole.Bounds()
	w, h := b.Dx(), b.Dy()
	if longer := max(w, h); longer > thumbSide {
		w, h = max(1, w*thumbSide/longer), max(1, h*thumbSide/longer)
	}
	small := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.BiLinear.Scale(small, small.Bounds(), whole, b, draw.Src, nil)
	return small
}
