package cli

import (
	"cmp"
	"runtime/debug"
	"strings"
)

// version is what the go command recorded of this program: version of the module, commit, and by which Go it
// was built for what.
func version() string {
	info, _ := debug.ReadBuildInfo()
	return versionOf(info)
}

// versionOf says it on one line: "v1.2.0, commit 568b69e2bbef with changes, go1.26.0 linux/amd64". What was not
// recorded is left out.
func versionOf(info *debug.BuildInfo) string {
	if info == nil {
		return "(devel)"
	}
	of := map[string]string{}
	for _, s := range info.Settings {
		of[s.Key] = s.Value
	}
	parts := []string{cmp.Or(info.Main.Version, "(devel)")}
	if commit := of["vcs.revision"]; commit != "" {
		text := "commit " + short(commit)
		if of["vcs.modified"] == "true" {
			text += " with changes"
		}
		parts = append(parts, text)
	}
	system := ""
	if of["GOOS"] != "" {
		system = " " + of["GOOS"] + "/" + of["GOARCH"]
	}
	if info.GoVersion != "" {
		parts = append(parts, info.GoVersion+system)
	}
	return strings.Join(parts, ", ")
}
