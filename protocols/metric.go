package protocols

import (
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode"
)

// A Metric is one counter of a running node, under the name by which whoever watches it in production
// knows it. The benchmarks compute their figures of the same counters.
type Metric struct {
	Name  string  // such as journal_pushes: lower-case words, the protocol first
	Value float64 // a count, or seconds where the name ends in _seconds
}

// Metrics returns what a struct of counters holds, in the order of its fields: numbers, durations, and
// structs of these, such as journal.Stats, ChannelStats and simnet.Counters. Other fields are left out.
// Prefix is the first word of each name. It panics when stats is no struct.
func Metrics(prefix string, stats any) []Metric {
	v := reflect.ValueOf(stats)
	if v.Kind() != reflect.Struct {
		panic(fmt.Sprintf("metrics of %T: give a struct of counters", stats))
	}
	return appendMetrics(nil, prefix, v)
}

func appendMetrics(ms []Metric, prefix string, v reflect.Value) []Metric {
	for i := range v.NumField() {
		f, x := v.Type().Field(i), v.Field(i)
		if !f.IsExported() {
			continue
		}
		name := prefix + "_" + words(f.Name)
		switch {
		case x.Type() == reflect.TypeFor[time.Duration]():
			ms = append(ms, Metric{name + "_seconds", time.Duration(x.Int()).Seconds()})
		case x.CanInt():
			ms = append(ms, Metric{name, float64(x.Int())})
		case x.CanUint():
			ms = append(ms, Metric{name, float64(x.Uint())})
		case x.Kind() == reflect.Struct:
			ms = appendMetrics(ms, name, x)
		}
	}
	return ms
}

// words makes timed_out of TimedOut.
func words(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
