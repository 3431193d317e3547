package github

import (
	"strconv"
	"strings"
)

// MaxAnnotations is how many annotations of a level GitHub shows of one step; it drops the others.
const MaxAnnotations = 10

// An Annotation is a message beside a line of a file. It needs no token and no permission: a job prints
// it to its log.
type Annotation struct {
	Fail        bool   // an error; else a warning
	File        string // from the root of the repository; empty for none
	Line        int    // from 1; 0 for none
	Title, Text string
}

// String returns the workflow command, one line without its end, in which texts cannot end it nor add
// to its properties.
func (a Annotation) String() string {
	var b strings.Builder
	b.WriteString("::")
	if a.Fail {
		b.WriteString("error")
	} else {
		b.WriteString("warning")
	}
	comma := " "
	property := func(name, value string) {
		b.WriteString(comma + name + "=" + propertyEscapes.Replace(value))
		comma = ","
	}
	if a.File != "" {
		property("file", a.File)
		if a.Line > 0 {
			property("line", strconv.Itoa(a.Line))
		}
	}
	if a.Title != "" {
		property("title", a.Title)
	}
	return b.String() + "::" + textEscapes.Replace(a.Text)
}

// What the runner reads back.
var (
	textEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)
