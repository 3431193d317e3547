package sample

import (
	"bufio"
	"fmt"
	"io"
)

// maxLine is how long a line may be with its end, in bytes: what benchfmt takes.
const maxLine = 64 << 10

// lines reads a text line by line.
type lines struct {
	r    *bufio.Reader
	text []byte // the line last read, with its end; good until the next is read
	rest []byte // what of it is still to be handed on
	line int    // its number from 1
	open bool   // it ended without a newline, which only the last does
}

var newline = []byte("\n")

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, maxLine)} }

// next reads a line; the error at the end is io.EOF, and leaves the last line in text.
func (l *lines) next() error {
	if l.open {
		return io.EOF
	}
	text, err := l.r.ReadSlice('\n')
	switch {
	case err == bufio.ErrBufferFull:
		return fmt.Errorf("line %d is longer than %d KiB", l.line+1, maxLine>>10)
	case err != nil && (err != io.EOF || len(text) == 0):
		return err
	}
	l.text, l.rest, l.open = text, text, err == io.EOF
	l.line++
	return nil
}
