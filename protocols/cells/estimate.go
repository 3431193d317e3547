package cells

// Estimate returns about how many items the difference has: those found, and for those that are not
// what the counts that are left tell. A count is off its expectation by about the root of the number
// of items in the cell, so the squares add up to the number of items, however many there are; from
// 80 cells they tell it to about a quarter. The estimate is at least one more than was found until the
// decoder is done, and 0 before anything was received.
func (d *Decoder) Estimate() int {
	if !d.known {
		return 0
	}
	found := len(d.remote) + len(d.here)
	if d.Done() {
		return found
	}
	// How many more of what is left the other side has than this one: exact, and its size a lower bound.
	more := d.other - d.items - int64(len(d.remote)-len(d.here))
	least := more
	if least < 0 {
		least = -least
	}
	left := d.remaining(more, 0)
	left = d.remaining(more, left)
	return found + int(max(int64(left), least, 1))
}

// remaining returns the sum of squared deviations over the sum of variances per item, rho(1-rho). Each
// is weighted as is best if guess were right: the square of a count with variance v varies by v+2v^2.
// No product is added unrounded, so that no compiler fuses the two.
func (d *Decoder) remaining(more int64, guess float64) float64 {
	var squares, variances float64
	for i := 1; i < len(d.cells); i++ {
		if !d.has(i) {
			continue
		}
		m := int64(i) + 2
		e := expected(more, i)
		// The count is made whole from its last byte: the number closest to what is expected.
		off := float64((e+int64(int8(d.cells[i].Count-e)))*m-2*more) / float64(m)
		v := float64(2*i) / float64(m*m)
		weight := 1 / (1 + float64(2*guess*v))
		squares += float64(weight * off * off)
		variances += float64(weight * v)
	}
	if variances == 0 {
		return 0
	}
	return squares / variances
}
