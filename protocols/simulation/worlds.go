package simulation

// Worlds returns every world, in order of name.
func Worlds() []*World {
	return []*World{antiEntropyWorld(), epochWorld(), journalWorld(), otaWorld(), snapshotWorld()}
}
