package rules

import (
	"encoding/json"
	"fmt"
	"strings"
)

// dataSource is what the claim is filled from, a shard's own or the store's; empty where it begins empty.
func (j *judge) dataSource(shard int) any {
	source := j.section("claim")["dataSourceRef"]
	if own, ok := override(j.values, shard)["dataSourceRef"]; ok {
		source = own
	}
	return numbered(source, shard)
}

// dataSources looks for shards that are filled from one source, and for one that begins empty beside others.
func (j *judge) dataSources() {
	count := number(j.values["shards"])
	if j.values["provisioning"] != "dynamic" || count == 0 {
		return
	}
	seen, forgotten := map[string]int{}, -1
	for _, shard := range j.each() {
		source := j.dataSource(shard)
		_, own := override(j.values, shard)["dataSourceRef"]
		if empty(source) {
			if !own && forgotten < 0 {
				forgotten = shard
			}
			continue
		}
		text, err := json.Marshal(source)
		if err != nil {
			return
		}
		first, second, same := 0, 1, false
		if shard < 0 {
			same = count > 1 && !strings.Contains(string(text), shardWord)
		} else {
			first, same = seen[string(text)]
			second = shard
		}
		if same {
			path := "claim.dataSourceRef"
			if own {
				path = "shardOverrides"
			}
			j.report("E12", "sameSource", path, map[string]any{"firstShard": first, "secondShard": second, "source": sourceWords(source)})
			return
		}
		seen[string(text)] = shard
	}
	if len(seen) > 0 && forgotten >= 0 {
		j.report("E12", "noSource", "shardOverrides", map[string]any{"rank": forgotten})
	}
}

// sourceWords names a data source.
func sourceWords(source any) string {
	ref, _ := source.(map[string]any)
	kind, _ := ref["kind"].(string)
	name, _ := ref["name"].(string)
	return strings.TrimSpace(fmt.Sprintf("%s %s", kind, name))
}
