// Package page draws results: one HTML file with a table and plots as inline
// SVG, that needs nothing else to be looked at. It measures nothing.
package page

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
)

// series is one line of a chart.
type series struct {
	name   string
	color  string
	dashed bool
	points []point
}

type point struct{ x, y float64 }

// axis maps values to positions.
type axis struct {
	label string
	log   bool
	ticks []tick // nil: chosen
	low   float64
	high  float64
}

type tick struct {
	at   float64
	text string
}

// chart is a line chart; it draws nothing when no series has a point.
type chart struct {
	title  string
	x, y   axis
	series []series
}

const (
	width, height           = 680, 300
	left, right, top, below = 72, 30, 34, 46
)

func (c chart) svg() template.HTML {
	if !c.fit() {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, height, html.EscapeString(c.title))
	text := func(x, y float64, anchor, s string) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x, y, anchor, html.EscapeString(s))
	}
	fmt.Fprintf(&b, `<text class="title" x="%d" y="18">%s</text>`, left, html.EscapeString(c.title))
	for _, t := range c.y.ticks {
		y := c.py(t.at)
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`, left, width-right, y, y)
		text(left-6, y+4, "end", t.text)
	}
	for _, t := range c.x.ticks {
		x := c.px(t.at)
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, x, x, top, height-below)
		text(x, height-below+16, "middle", t.text)
	}
	text((left+width-right)/2, height-8, "middle", c.x.label)
	fmt.Fprintf(&b, `<text transform="translate(14 %d) rotate(-90)" text-anchor="middle">%s</text>`, (top+height-below)/2, html.EscapeString(c.y.label))
	for _, s := range c.series {
		c.line(&b, s)
	}
	b.WriteString(`</svg><p class="legend">`)
	for _, s := range c.series {
		style := "solid"
		if s.dashed {
			style = "dashed"
		}
		fmt.Fprintf(&b, `<span><i style="border-top:2px %s %s"></i>%s</span> `, style, s.color, html.EscapeString(s.name))
	}
	b.WriteString(`</p>`)
	return template.HTML(b.String()) // every text in it is escaped, every number formatted
}

func (c chart) line(b *strings.Builder, s series) {
	if len(s.points) == 0 {
		return
	}
	dash := ""
	if s.dashed {
		dash = ` stroke-dasharray="5 4"`
	}
	fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="1.6"%s points="`, s.color, dash)
	for _, p := range s.points {
		fmt.Fprintf(b, "%.1f,%.1f ", c.px(p.x), c.py(p.y))
	}
	b.WriteString(`"/>`)
	if len(s.points) <= 20 {
		for _, p := range s.points {
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="2.4" fill="%s"/>`, c.px(p.x), c.py(p.y), s.color)
		}
	}
}

// fit chooses ranges and ticks; it is false when there is nothing to draw.
func (c *chart) fit() bool {
	x, y := span{}, span{}
	for _, s := range c.series {
		for _, p := range s.points {
			x.add(p.x)
			y.add(p.y)
		}
	}
	if !x.any {
		return false
	}
	c.x.fit(x, false)
	c.y.fit(y, !c.y.log)
	return true
}

type span struct {
	low, high float64
	any       bool
}

func (s *span) add(v float64) {
	if !s.any {
		s.low, s.high, s.any = v, v, true
	}
	s.low, s.high = min(s.low, v), max(s.high, v)
}

// fit makes the axis reach over the span, and with fromZero down to zero.
func (a *axis) fit(s span, fromZero bool) {
	a.low, a.high = s.low, s.high
	if fromZero {
		a.low = min(a.low, 0)
	}
	if a.log {
		a.low, a.high = math.Pow(10, math.Floor(math.Log10(max(a.low, 1)))), math.Pow(10, math.Ceil(math.Log10(max(a.high, 2))))
	}
	if a.high <= a.low {
		a.high = a.low + 1
	}
	if a.ticks != nil {
		a.high = max(a.high, a.ticks[len(a.ticks)-1].at)
		return
	}
	if a.log {
		for v := a.low; v <= a.high*1.001; v *= 10 {
			a.ticks = append(a.ticks, tick{v, short(v)})
		}
		return
	}
	step := niceStep(a.high - a.low)
	a.high = math.Ceil(a.high/step) * step
	for i := math.Ceil(a.low / step); i*step <= a.high+step/1000; i++ {
		a.ticks = append(a.ticks, tick{i * step, short(i * step)})
	}
}

// niceStep is 1, 2 or 5 times a power of ten, about a sixth of the range.
func niceStep(length float64) float64 {
	raw := length / 6
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, f := range []float64{1, 2, 5} {
		if raw <= f*power {
			return f * power
		}
	}
	return 10 * power
}

// short writes a number as 1.5k or 20M.
func short(v float64) string {
	for _, u := range []struct {
		unit float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(v) >= u.unit {
			return fmt.Sprintf("%.4g%s", v/u.unit, u.name)
		}
	}
	return fmt.Sprintf("%.4g", v)
}

func (c chart) px(v float64) float64 { return left + c.x.part(v)*(width-left-right) }
func (c chart) py(v float64) float64 { return height - below - c.y.part(v)*(height-top-below) }

// part is where v is on the axis, from 0 to 1.
func (a axis) part(v float64) float64 {
	if a.log {
		v = max(v, a.low)
		return math.Log(v/a.low) / math.Log(a.high/a.low)
	}
	return (v - a.low) / (a.high - a.low)
}
