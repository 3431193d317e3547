package protocols_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/perfgate/perfgate/protocols"
)

func ExampleMetrics() {
	stats := protocols.ChannelStats{Messages: 7, Timeouts: 2}
	for _, m := range protocols.Metrics("channel", stats) {
		if m.Value > 0 {
			fmt.Println(m.Name, m.Value)
		}
	}
	// Output:
	// channel_messages 7
	// channel_timeouts 2
}

func TestMetricValues(t *testing.T) {
	type inner struct{ A int }
	got := protocols.Metrics("x", struct {
		Held   time.Duration
		Of     inner
		Up     uint64
		Down   int64
		Text   string
		hidden int
	}{1500 * time.Millisecond, inner{4}, 5, 6, "no", 7})
	want := []protocols.Metric{{"x_held_seconds", 1.5}, {"x_of_a", 4}, {"x_up", 5}, {"x_down", 6}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
