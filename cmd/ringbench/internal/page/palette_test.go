package page

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"testing"
)

type rgb [3]float64

// The colours of the families are far from one another for who sees no red or no green too, and stand out from the ground.
func TestPalette(t *testing.T) {
	for theme, name := range []string{"light", "dark"} {
		ground := cssColor(t, "ground", theme)
		var palette []rgb
		for i := range len(families) - 1 {
			c := cssColor(t, fmt.Sprint("f", i), theme)
			palette = append(palette, c)
			if got := contrast(c, ground); got < 3 {
				t.Errorf("%s: %s has a contrast of %.2f to the ground, want 3", name, families[i], got)
			}
		}
		for eye, sees := range eyes {
			for i, a := range palette {
				for j, b := range palette[:i] {
					if d := distance(sees(a), sees(b)); d < 0.1 {
						t.Errorf("%s, %s: %s and %s are %.3f apart, want 0.1", name, eye, families[i], families[j], d)
					}
				}
			}
		}
	}
}

// cssColor is a colour of the style sheet, in linear light.
func cssColor(t *testing.T, property string, theme int) (c rgb) {
	t.Helper()
	m := regexp.MustCompile(`--` + property + `: light-dark\(#(\w{6}), #(\w{6})\)`).FindStringSubmatch(must(assets, "assets/page.css"))
	if m == nil {
		t.Fatalf("the style sheet has no --%s", property)
	}
	n, err := strconv.ParseUint(m[1+theme], 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	for i := range c {
		v := float64(n>>(16-8*i)&0xff) / 255
		if v <= 0.04045 {
			c[i] = v / 12.92
		} else {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return c
}

// eyes are ways of seeing; the matrices are those of Machado, Oliveira and Fernandes (2009), of full severity.
var eyes = map[string]func(rgb) rgb{
	"all cones":    func(c rgb) rgb { return c },
	"deuteranopia": seenBy([3]rgb{{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}}),
	"protanopia":   seenBy([3]rgb{{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}}),
}

func seenBy(m [3]rgb) func(rgb) rgb {
	return func(c rgb) (out rgb) {
		for i, row := range m {
			out[i] = min(1, max(0, row[0]*c[0]+row[1]*c[1]+row[2]*c[2]))
		}
		return out
	}
}

// distance is Euclidean in OKLab, where black and white are 1 apart.
func distance(a, b rgb) float64 {
	x, y := oklab(a), oklab(b)
	return math.Sqrt((x[0]-y[0])*(x[0]-y[0]) + (x[1]-y[1])*(x[1]-y[1]) + (x[2]-y[2])*(x[2]-y[2]))
}

func oklab(c rgb) rgb {
	l := math.Cbrt(0.4122214708*c[0] + 0.5363325363*c[1] + 0.0514459929*c[2])
	m := math.Cbrt(0.2119034982*c[0] + 0.6806995451*c[1] + 0.1073969566*c[2])
	s := math.Cbrt(0.0883024619*c[0] + 0.2817188376*c[1] + 0.6299787005*c[2])
	return rgb{
		0.2104542553*l + 0.7936177850*m - 0.0040720468*s,
		1.9779984951*l - 2.4285922050*m + 0.4505937099*s,
		0.0259040371*l + 0.7827717662*m - 0.8086757660*s,
	}
}

// contrast is that of WCAG.
func contrast(a, b rgb) float64 {
	luminance := func(c rgb) float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] + 0.05 }
	return max(luminance(a), luminance(b)) / min(luminance(a), luminance(b))
}
