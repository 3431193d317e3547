package session

// The deadlines of live sessions are a binary heap of slots, the earliest at the root; of two at the same
// time the one that was set first. Each slot knows its place.

func (m *Manager) earlier(a, b int32) bool {
	x, y := &m.slots[a], &m.slots[b]
	return x.deadline < y.deadline || x.deadline == y.deadline && x.serial < y.serial
}

func (m *Manager) place(i int, slot int32) {
	m.heap[i] = slot
	m.slots[slot].place = int32(i)
}

// up and down move a slot that was put at i to where it belongs.
func (m *Manager) up(i int) {
	slot := m.heap[i]
	for i > 0 && m.earlier(slot, m.heap[(i-1)/2]) {
		m.place(i, m.heap[(i-1)/2])
		i = (i - 1) / 2
	}
	m.place(i, slot)
}

func (m *Manager) down(i int) {
	slot := m.heap[i]
	for {
		c := 2*i + 1
		if c+1 < len(m.heap) && m.earlier(m.heap[c+1], m.heap[c]) {
			c++
		}
		if c >= len(m.heap) || !m.earlier(m.heap[c], slot) {
			break
		}
		m.place(i, m.heap[c])
		i = c
	}
	m.place(i, slot)
}

// schedule sets the deadline of a new session.
func (m *Manager) schedule(slot int32) {
	m.heap = append(m.heap, slot)
	m.place(len(m.heap)-1, slot)
	m.up(len(m.heap) - 1)
}

// reschedule moves a session whose deadline has changed.
func (m *Manager) reschedule(slot int32) {
	i := int(m.slots[slot].place)
	m.up(i)
	m.down(int(m.slots[slot].place))
}

// unschedule takes a session out that is live no more.
func (m *Manager) unschedule(slot int32) {
	i, n := int(m.slots[slot].place), len(m.heap)-1
	last := m.heap[n]
	m.heap = m.heap[:n]
	if i < n {
		m.place(i, last)
		m.reschedule(last)
	}
}
