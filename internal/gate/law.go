package gate

import (
	"cmp"
	"math"
	"slices"
)

// A Law is the power law value = Factor · size^Exponent fitted to the head of a scales budget, with what
// it was fitted to. Nothing is decided by it but the exponent's limit.
type Law struct {
	With     string  `json:"with"`   // the key whose numbers are the sizes
	Unit     string  `json:"unit"`   // that of the values, tidied
	Points   []Point `json:"points"` // by size, at least three
	Factor   float64 `json:"factor"` // in Unit
	Exponent float64 `json:"exponent"`
	// Scatter is how far the points lie from the law, as a relative deviation: 0.05 is 5 %.
	Scatter float64 `json:"scatter"`
	// R2 is the share of the variance of the logarithms that the law explains. Nil where all values are
	// equal. A value that hardly grows can have a small one and hardly any scatter.
	R2 *float64 `json:"r2,omitempty"`
	// Knee is where growth changes; nil where one law fits as well as two.
	Knee *Knee `json:"knee,omitempty"`
	// Forecast is nil where there are fewer than four sizes to found it on.
	Forecast *Forecast `json:"forecast,omitempty"`
}

// A Point is a size with the centres of base and head in the unit of the law.
type Point struct {
	Size float64  `json:"size"`
	Base *float64 `json:"base,omitempty"`
	Head float64  `json:"head"`
}

// A Knee is the size at which growth changes from one exponent to another.
type Knee struct {
	At    float64 `json:"at"`
	Below float64 `json:"below"`
	Above float64 `json:"above"`
}

// A Forecast is what the law says of a size that was not measured: an estimate, which assumes that
// nothing changes on the way there. Low and High hold the value with the stated confidence.
type Forecast struct {
	Size       float64 `json:"size"`
	Value      float64 `json:"value"`
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Confidence float64 `json:"confidence"`
}

// What makes a knee: two lines have to leave at most a quarter of the squares that one leaves, where one
// misses some point by more than a twentieth, and they have to differ by a fifth of an exponent. Five
// sizes are the fewest of which two lines do not simply go through all.
const (
	kneeSizes     = 5
	kneeResidue   = 0.25
	kneeMiss      = 0.05
	kneeExponents = 0.2
)

// A forecast is for twice the largest size, and needs four sizes, so that two are left to tell how well
// the law fits.
const (
	forecastSizes      = 4
	forecastBeyond     = 2
	forecastConfidence = 0.95
)

// newLaw fits a law to points of positive size and head, of which at least three have different sizes.
// Where values are so far apart that the law cannot be written in numbers, it is nil.
func newLaw(with, unit string, points []Point) *Law {
	slices.SortFunc(points, func(a, b Point) int { return cmp.Compare(a.Size, b.Size) })
	xs, ys := make([]float64, len(points)), make([]float64, len(points))
	for i, p := range points {
		xs[i], ys[i] = math.Log(p.Size), math.Log(p.Head)
	}
	line := fitLine(xs, ys)
	l := &Law{
		With: with, Unit: unit, Points: points,
		Factor: math.Exp(line.at(0)), Exponent: line.slope,
		Scatter: math.Expm1(math.Sqrt(line.residue / float64(len(xs)))),
	}
	if total := variance(ys) * float64(len(ys)-1); total > 0 {
		l.R2 = ref(max(0, 1-line.residue/total))
	}
	from := 0
	if k, start := findKnee(xs, ys, line); k != nil {
		k.At = points[start].Size
		l.Knee, from = k, start
	}
	if len(xs)-from < forecastSizes {
		from = 0
	}
	if len(xs) >= forecastSizes {
		f := fitLine(xs[from:], ys[from:]).forecast(forecastBeyond * points[len(points)-1].Size)
		if numbers(f.Size, f.Value, f.High) {
			l.Forecast = f
		}
	}
	if !numbers(l.Factor, l.Exponent, l.Scatter) {
		return nil
	}
	return l
}

func numbers(xs ...float64) bool {
	return !slices.ContainsFunc(xs, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
}

// A line is a least-squares fit of ys on xs.
type line struct {
	mx, my, slope float64
	sxx           float64
	residue       float64 // sum of squares
	miss          float64 // the largest deviation of a point
	n             int
}

func fitLine(xs, ys []float64) line {
	l := line{mx: mean(xs), my: mean(ys), slope: slope(xs, ys), n: len(xs)}
	for i, x := range xs {
		d := ys[i] - l.at(x)
		l.sxx += (x - l.mx) * (x - l.mx)
		l.residue += d * d
		l.miss = max(l.miss, math.Abs(d))
	}
	return l
}

func (l line) at(x float64) float64 { return l.my + l.slope*(x-l.mx) }

// forecast returns the interval in which a new point lies, by the usual formula for a prediction from a
// regression.
func (l line) forecast(size float64) *Forecast {
	x, df := math.Log(size), float64(l.n-2)
	spread := math.Sqrt(l.residue / df * (1 + 1/float64(l.n) + (x-l.mx)*(x-l.mx)/l.sxx))
	half := tQuantile((1+forecastConfidence)/2, df) * spread
	y := l.at(x)
	return &Forecast{Size: size, Value: math.Exp(y), Low: math.Exp(y - half), High: math.Exp(y + half), Confidence: forecastConfidence}
}

// findKnee tries each size but the outer ones as the end of one line and the start of another, and
// returns the exponents of the pair that fits best and the index at which they meet, or nil where one
// line does.
func findKnee(xs, ys []float64, one line) (*Knee, int) {
	if len(xs) < kneeSizes || one.miss <= math.Log1p(kneeMiss) {
		return nil, 0
	}
	var best *Knee
	at, least := 0, kneeResidue*one.residue
	for i := 1; i < len(xs)-1; i++ {
		below, above, residue := bent(xs, ys, xs[i])
		if residue <= least && math.Abs(above-below) >= kneeExponents {
			best, at, least = &Knee{Below: below, Above: above}, i, residue
		}
	}
	return best, at
}

// bent fits two lines that meet at x = at: y = a + below·min(x-at, 0) + above·max(x-at, 0). It solves the
// normal equations of three unknowns by Cramer's rule.
func bent(xs, ys []float64, at float64) (below, above, residue float64) {
	var n, sl, sr, sll, srr, sy, sly, sry float64
	for i, x := range xs {
		l, r, y := min(x-at, 0), max(x-at, 0), ys[i]
		n, sl, sr, sy = n+1, sl+l, sr+r, sy+y
		sll, srr = sll+l*l, srr+r*r // l·r is zero everywhere
		sly, sry = sly+l*y, sry+r*y
	}
	det := n*sll*srr - sl*sl*srr - sr*sr*sll
	a := (sy*sll*srr - sl*sly*srr - sr*sry*sll) / det
	below, above = (sly-a*sl)/sll, (sry-a*sr)/srr
	for i, x := range xs {
		d := ys[i] - a - below*min(x-at, 0) - above*max(x-at, 0)
		residue += d * d
	}
	return below, above, residue
}
