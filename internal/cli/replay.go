package cli

import (
	"github.com/urfave/cli/v2"
)

func replayCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:  "replay",
		Usage: "score decision rules, perfgate's and those of others, on a recording; or make one",
		Flags: recordFlags(),
		Action: func(c *cli.Context) error {
			if c.String("record") != "" {
				return record(c, s)
			}
			return required(c, "record")
		},
	}
}
