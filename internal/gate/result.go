package gate

// Version is the version of the result file's shape. It rises when a field changes its meaning or
// goes; a new field does not raise it.
const Version = 1

// The exit codes of every command: they are part of the result, so that a check, a judgement
// replayed from files and a report agree.
const (
	ExitPass      = 0 // every budget passed
	ExitFail      = 1 // at least one budget failed
	ExitMisuse    = 2 // bad arguments or invalid budgets
	ExitNotJudged = 3 // nothing failed, but something could not be judged
	ExitNotStored = 4 // judged, but a delivery that was required failed
)

// A Result is all verdicts of one check, with everything a report needs. Its JSON form is
// result.json. The same samples and budgets give the same bytes.
type Result struct {
	Version  int `json:"version"`
	ExitCode int `json:"exit_code"`
	// Outcome is the exit code in a word: pass, fail or not judged.
	Outcome string `json:"outcome"`
	Counts  Counts `json:"counts"`
	// Selected says which part of the budgets was judged; nil where all were.
	Selected *Selected `json:"selected,omitempty"`
	// Confidence is what the samples of head say of themselves where they are too few to be believed as
	// usual: "low (quick)". The verdicts rest on the same rules all the same.
	Confidence string `json:"confidence,omitempty"`
	// Problems says, one sentence each, what kept the check from a clean answer beyond single
	// verdicts: no base, a crashed binary, a damaged file. Empty on a clean run.
	Problems []string `json:"problems"`
	// Shift says that nearly all benchmarks changed together; nil where they did not.
	Shift    *Shift   `json:"shift,omitempty"`
	Compared Compared `json:"compared"`
	// Notes says, one sentence each, what a reviewer may tidy up: a waiver or a rename that is no longer
	// needed. It changes no verdict.
	Notes []string `json:"notes,omitempty"`
	// Today is the day on which the waivers had to hold, as 2026-12-31; empty where there are none. The
	// same samples give the same result when judged for this day.
	Today string `json:"today,omitempty"`
	// Blame is which functions the benchmarks that failed spend more in; empty where they were not profiled.
	Blame []Blame `json:"blame,omitempty"`
	// Shards says of each shard of the measuring, in order, what came of it; nil where one machine
	// measured everything.
	Shards   []ShardResult `json:"shards,omitempty"`
	Verdicts []Verdict     `json:"verdicts"`
}

// A Selected is the part of the budgets that was asked for, by names of suites or by ids of budgets.
type Selected struct {
	Suites  []string `json:"suites"`
	IDs     []string `json:"ids,omitempty"`
	Judged  int      `json:"judged"`  // budgets with at least one verdict
	Budgets int      `json:"budgets"` // all that there are
}

// A Shift is a change that most benchmarks have in common: it tells of the machine, the toolchain or
// something that all of them use.
type Shift struct {
	Change     float64 `json:"change"`     // the median, as a relative change of a time
	Together   int     `json:"together"`   // benchmarks within half of it and half as much again
	Benchmarks int     `json:"benchmarks"` // all that were compared
}

// Counts counts verdicts by kind. New counts those (counted by their kind too) whose benchmark or
// unit the base does not have, so that only absolute limits were judged. Improved counts
// verdicts whose change is proved better than zero, which is wrong of one unchanged benchmark in 200.
type Counts struct {
	Pass         int `json:"pass"`
	Fail         int `json:"fail"`
	Inconclusive int `json:"inconclusive"`
	Missing      int `json:"missing"`
	New          int `json:"new"`
	Improved     int `json:"improved"`
	// Waived counts verdicts that are fails within the ceiling of a waiver; Fail does not count these.
	Waived int `json:"waived,omitempty"`
}

// Compared says what was compared with what.
type Compared struct {
	Base Side `json:"base"`
	Head Side `json:"head"`
}

// A Side is the origin of one set of samples. Empty fields are unknown.
type Side struct {
	// Kind is measured (built and run in this check), file (read from a file of samples),
	// recorded (the baseline file of the repository) or none.
	Kind   string `json:"kind"`
	Ref    string `json:"ref,omitempty"`    // what was asked for or found: v1.2.0, HEAD~1, working tree, a file name
	Why    string `json:"why,omitempty"`    // how the ref was chosen
	Commit string `json:"commit,omitempty"` // full hash; with "+dirty" when the work tree differs
	Tag    string `json:"tag,omitempty"`
	Method string `json:"method,omitempty"` // how it was measured, in words
	// CommitTime and Measured are RFC 3339 in UTC.
	CommitTime  string            `json:"commit_time,omitempty"`
	Measured    string            `json:"measured,omitempty"`
	Environment map[string]string `json:"environment,omitempty"` // goos, goarch, cpu, go, runner
}

// A Kind is the verdict on one budget and benchmark.
type Kind string

// The verdicts.
const (
	Pass         Kind = "pass"         // proved within every limit
	Fail         Kind = "fail"         // proved beyond a limit
	Inconclusive Kind = "inconclusive" // the evidence proves neither
	Missing      Kind = "missing"      // declared but not measured, or nothing to compare with
)

// A Verdict is the judgement of one budget on one benchmark (for scales: on one group of
// benchmarks, Benchmark then being the selector).
type Verdict struct {
	ID        string `json:"id"`
	Benchmark string `json:"benchmark"`         // name without "Benchmark" and without processor count
	Package   string `json:"package,omitempty"` // import path
	Unit      string `json:"unit"`              // as the budget file says it: p99-ns
	Direction string `json:"direction"`         // lower or higher is better, or unknown
	Class     string `json:"class"`             // exact, compute, waiting
	Verdict   Kind   `json:"verdict"`
	// Reason says in one sentence why; never empty.
	Reason string `json:"reason"`
	// Blocks says whether this verdict keeps the exit code from being 0.
	Blocks bool `json:"blocks"`
	// Policy is what keeps a verdict that proves nothing from blocking, as it is written: on_missing: warn,
	// on_inconclusive: warn or --allow-no-base. Empty where nothing does, or a waiver.
	Policy   string `json:"policy,omitempty"`
	New      bool   `json:"new,omitempty"`
	Improved bool   `json:"improved,omitempty"`
	// Waived is the waiver that keeps a fail from blocking; nil where there is none. A fail beyond the
	// ceiling of its waiver has it too, and blocks. So has an inconclusive verdict, which does not block
	// where it is proved within the ceiling.
	Waived *Waived `json:"waived,omitempty"`
	// RenamedFrom is the name that the benchmark has in base, where the rename map says that it is the
	// same one; empty where the names are equal.
	RenamedFrom string `json:"renamed_from,omitempty"`

	// Base and Head are the centres of the two samples in TidyUnit (the tidied unit: seconds,
	// bytes, counts): the median, and for allocs/op the maximum. Nil when not measured.
	TidyUnit string   `json:"tidy_unit"`
	Base     *float64 `json:"base"`
	Head     *float64 `json:"head"`
	// Change is the relative difference head against base, signed: 0.2 is 20 % more. Nil when
	// there is no base or the base is zero.
	Change *float64 `json:"change"`
	// Interval holds the bounds that the decision used, as relative changes; nil for exact values,
	// which have none, and where nothing was compared. Confidence is that of the upper and of the
	// lower bound taken singly, such as 0.95.
	Interval *Interval `json:"interval"`
	// OwnTime says that times are those in which the process ran or waited for something other than a
	// processor, as its own clock says, and not wall time: processes that share a processor do not
	// disturb these.
	OwnTime bool `json:"own_time,omitempty"`
	// Interleaved says that the pairs were one version after the other and not both at once: the
	// benchmark waits, or the system cannot pin a process.
	Interleaved bool `json:"interleaved,omitempty"`
	// Identical says that both versions compile to the same binary, so that nothing was compared.
	Identical bool `json:"identical,omitempty"`
	// Layouts counts the other orders of the functions in the binary in which a close fail was measured.
	Layouts int `json:"layouts,omitempty"`
	// Pairs counts pairs of measurements; for unpaired samples it is 0 and BaseN and HeadN count.
	Pairs int `json:"pairs"`
	BaseN int `json:"base_n"`
	HeadN int `json:"head_n"`
	// Detectable is the smallest relative change in the bad direction beyond the limit which this
	// many pairs at this noise would have proved, as a relative change; nil where not applicable.
	Detectable *float64 `json:"detectable"`

	// Law is what was fitted for a scales limit; nil for the others and where nothing could be fitted.
	Law *Law `json:"law,omitempty"`

	Limits   []LimitVerdict `json:"limits"`
	Warnings []string       `json:"warnings"`
	Why      string         `json:"why,omitempty"` // the budget author's reason
	At       string         `json:"at"`            // file:line of the budget
	// Shard is the number of the shard that was to measure the benchmark; 0 where there are no shards.
	Shard int `json:"shard,omitempty"`
}

// An Interval bounds a relative change.
type Interval struct {
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Confidence float64 `json:"confidence"`
}

// A Waived is a reviewed permission for a fail.
type Waived struct {
	Ceiling string `json:"ceiling"`        // as the file says it: 25% of change, or 18ms
	Until   string `json:"until"`          // the last day on which it holds: 2026-12-31
	Reason  string `json:"reason"`         // of the one who waived it
	Link    string `json:"link,omitempty"` // where it was discussed
	At      string `json:"at"`             // file:line of the waiver
	// Beyond says that the value is not proved to lie within the ceiling: the verdict is what it would be
	// without the waiver.
	Beyond bool `json:"beyond,omitempty"`
	// Verdict is that of the ceiling judged as a limit, and Found its reason. Only a pass waives.
	Verdict Kind   `json:"verdict"`
	Found   string `json:"found"`
}

// A LimitVerdict is the judgement of one limit.
type LimitVerdict struct {
	Kind    string  `json:"kind"`  // max_rise, max_drop, at_most, at_least, scales
	Text    string  `json:"text"`  // as the budget file says it: 20%, 15ms
	Value   float64 `json:"value"` // a fraction, a value in the tidied unit, or an exponent
	Verdict Kind    `json:"verdict"`
	Reason  string  `json:"reason"`
}
