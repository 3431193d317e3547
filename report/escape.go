package report

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// The longest that a text of a result may become in a report, in characters.
const (
	maxName = 200 // a name, unit, reference or file
	maxText = 400 // a sentence
)

// clean returns s on one line, without what cannot be seen and without what turns the direction of
// writing, cut to limit characters.
func clean(s string, limit int) string {
	var b strings.Builder
	n := 0
	space := false
	for _, r := range s {
		if unicode.IsSpace(r) {
			space = n > 0
			continue
		}
		// Not printable are controls, marks of direction, joiners, private and unassigned characters.
		if !unicode.IsPrint(r) {
			continue
		}
		if space && n >= limit-2 || n >= limit-1 {
			return strings.TrimRight(b.String(), " ") + "…"
		}
		if space {
			b.WriteByte(' ')
			n++
			space = false
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// code returns s as an HTML code element, for names, units, references and files. GitHub looks for
// no issue numbers within one, so that a name can be copied as it is, and in a table the HTML element
// takes what a span of backquotes does not: a bar and a backquote.
func code(s string) string {
	return "<code>" + entities(clean(s, maxName), joint) + "</code>"
}

// prose returns s for running text and cells.
func prose(s string) string {
	s = quantity.ReplaceAllString(clean(s, maxText), "$1\u00a0$2")
	return entities(s, proseJoint)
}

// quantity finds a number and the unit after it, which stay on one line.
var quantity = regexp.MustCompile(`(\d) (%|(?:ns|us|µs|ms|s|B|KiB|MiB|GiB)\b)`)

// entities writes every character that means something to HTML, Markdown or GitHub as a numeric
// entity, which is text wherever it stands. GitHub makes links and mentions after it has resolved
// entities, so behind each joint of one stands an invisible break as well.
func entities(s string, joint func(s string, i int) bool) string {
	var b strings.Builder
	for i, r := range s {
		broken := joint(s, i)
		// In front, a digit or a sign may start a list.
		if unicode.IsLetter(r) || r == ' ' || r > unicode.MaxASCII || i > 0 && !broken && strings.ContainsRune("0123456789/=,;:%.+-()", r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString("&#" + strconv.Itoa(int(r)) + ";")
		if broken {
			b.WriteString("&#8203;")
		}
	}
	return b.String()
}

// joint reports whether the character at i may be that of a mention, a mail address or a link, of
// which some are made within code elements too: @name, https://host, www.host.
func joint(s string, i int) bool {
	return s[i] == '@' || strings.HasPrefix(s[i:], "://") ||
		s[i] == '.' && i >= 3 && strings.EqualFold(s[i-3:i], "www")
}

// proseJoint reports whether the character at i may be the joint of what GitHub finds in running
// text: also #1, GH-1, :smile:.
func proseJoint(s string, i int) bool {
	switch s[i] {
	case '#':
		return true
	case ':':
		return i+1 < len(s) && s[i+1] != ' '
	case '-':
		return i >= 2 && strings.EqualFold(s[i-2:i], "gh")
	}
	return joint(s, i)
}

// ASCII returns a text from outside for a terminal, as the text report shows it: on one line, in
// printable ASCII, cut to limit characters.
func ASCII(s string, limit int) string { return ascii(s, limit) }

// ascii returns s for a terminal: one line of printable ASCII, other characters as \u escapes, cut
// to limit characters. A runner of GitHub Actions obeys ##[ anywhere in a line that it logs, so that
// is taken apart; what it obeys at the start of a line, ::, the caller keeps away from there.
func ascii(s string, limit int) string {
	s = strings.ReplaceAll(clean(s, limit), "##[", "## [")
	if strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r <= unicode.MaxASCII:
			b.WriteRune(r)
		case r == '…':
			b.WriteString("...")
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}
