package identity

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestHost checks the spellings of one host, and hosts that are two.
func TestHost(t *testing.T) {
	t.Parallel()
	for want, spellings := range map[string][]string{
		"filer.example.com:2049": {"filer.example.com", "Filer.Example.COM.", "filer.example.com:2049", "FILER.example.com.:2049"},
		"10.0.0.7:2049":          {"10.0.0.7", "10.0.0.7:2049", "::ffff:10.0.0.7", "[::ffff:10.0.0.7]:2049"},
		"10.0.0.7:3260":          {"10.0.0.7:3260"},
		"[fd00::1]:2049":         {"fd00::1", "FD00:0:0:0::1", "[fd00::1]", "[fd00:0000::0001]:2049", "fd00:0:0:0:0:0:0:1"},
		"[fd00::1]:3260":         {"[fd00::1]:3260"},
	} {
		for _, text := range spellings {
			assert.Equal(t, want, Host(text, 2049), text)
		}
	}
	assert.Equal(t, "10.0.0.5", Host("10.0.0.5", 0))
	assert.Equal(t, "m0:8995", Host("M0:8995", 0))
	for _, own := range []string{"localhost", "LOCALHOST.", "127.0.0.1", "127.1.2.3:2049", "::1", "[::1]:3260"} {
		assert.True(t, Loopback(Host(own, 2049)), own)
	}
	for _, other := range []string{"10.0.0.1", "localhost.example.com", "::11", "1127.0.0.1"} {
		assert.False(t, Loopback(Host(other, 2049)), other)
	}
}

// TestNIDs checks the spellings of a Lustre server's addresses.
func TestNIDs(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"10.0.0.2@tcp", "10.1.0.2@o2ib"}, NIDs("10.0.0.2@tcp0,10.1.0.2@O2IB0"))
	assert.Equal(t, []string{"10.0.0.2@o2ib10", "10.0.0.2@tcp1"}, NIDs("10.0.0.2@o2ib10,10.0.0.2@tcp1"))
}

// TestDirectory checks the spellings of one directory.
func TestDirectory(t *testing.T) {
	t.Parallel()
	for _, steps := range [][]string{{"/export/a"}, {"/export/a/"}, {"//export/./a"}, {"export", "a"}, {"/export/", "/a/"}, {"/", "export/a"}, {"/export/a", ""}} {
		assert.Equal(t, "/export/a", Directory(steps...), steps)
	}
	assert.Equal(t, "/", Directory(""))
}

// TestRelation checks how storages lie to each other, from either side.
func TestRelation(t *testing.T) {
	t.Parallel()
	on := func(node string) Nodes { return Nodes{{"kubernetes.io/hostname": {node}}} }
	for name, c := range map[string]struct {
		a, b Storage
		want Relation
	}{
		"one directory":              {Storage{Directory: "/a"}, Storage{Directory: "/a"}, Same},
		"beside":                     {Storage{Directory: "/a"}, Storage{Directory: "/ab"}, Apart},
		"inside":                     {Storage{Directory: "/a/b"}, Storage{Directory: "/a"}, Inside},
		"inside the whole":           {Storage{Directory: "/a"}, Storage{Directory: "/"}, Inside},
		"one disk":                   {Storage{Words: []string{"vol-1"}}, Storage{Words: []string{"vol-1"}}, Same},
		"two disks":                  {Storage{Words: []string{"vol-1"}}, Storage{Words: []string{"vol-2"}}, Apart},
		"two kinds":                  {Storage{Kind: "a", Directory: "/a"}, Storage{Kind: "b", Directory: "/a"}, Apart},
		"a portal in common":         {Storage{Places: []string{"x", "y"}}, Storage{Places: []string{"y", "z"}}, Same},
		"no portal in common":        {Storage{Places: []string{"x"}}, Storage{Places: []string{"y", "z"}}, Apart},
		"two nodes":                  {Storage{Directory: "/a", Nodes: on("x")}, Storage{Directory: "/a", Nodes: on("y")}, Apart},
		"one node":                   {Storage{Directory: "/a", Nodes: on("x")}, Storage{Directory: "/a", Nodes: on("x")}, Same},
		"a node of any":              {Storage{Directory: "/a", Nodes: on("x")}, Storage{Directory: "/a"}, Same},
		"a node and a zone":          {Storage{Directory: "/a", Nodes: on("x")}, Storage{Directory: "/a", Nodes: Nodes{{"zone": {"b"}}}}, Same},
		"one of two nodes":           {Storage{Directory: "/a", Nodes: on("x")}, Storage{Directory: "/a", Nodes: Nodes{{"kubernetes.io/hostname": {"w", "x"}}}}, Same},
		"no node at all":             {Storage{Directory: "/a", Nodes: on("x")}, Storage{Directory: "/a", Nodes: Nodes{}}, Apart},
		"one of the shards":          {Storage{Directory: "/a/{shard}", Shards: 8}, Storage{Directory: "/a/7"}, Same},
		"below one of the shards":    {Storage{Directory: "/a/{shard}", Shards: 8}, Storage{Directory: "/a/7/x"}, Around},
		"above the shards":           {Storage{Directory: "/a/{shard}", Shards: 8}, Storage{Directory: "/a"}, Inside},
		"no shard of the number":     {Storage{Directory: "/a/{shard}", Shards: 8}, Storage{Directory: "/a/8"}, Apart},
		"the shards of two":          {Storage{Directory: "/a/{shard}", Shards: 8}, Storage{Directory: "/a/{shard}", Shards: 4}, Same},
		"a shard's disk":             {Storage{Words: []string{"disk-{shard}"}, Shards: 8}, Storage{Words: []string{"disk-3"}}, Same},
		"shards on nodes of numbers": {Storage{Directory: "/a/0", Nodes: on("gpu-0")}, Storage{Directory: "/a/{shard}", Nodes: on("gpu-{shard}"), Shards: 2}, Same},
		"shards on other nodes":      {Storage{Directory: "/a/0", Nodes: on("gpu-1")}, Storage{Directory: "/a/{shard}", Nodes: on("gpu-{shard}"), Shards: 2}, Apart},
	} {
		back := map[Relation]Relation{Apart: Apart, Same: Same, Inside: Around, Around: Inside}
		assert.Equal(t, c.want, c.a.To(c.b), name)
		assert.Equal(t, back[c.want], c.b.To(c.a), name)
	}
}
