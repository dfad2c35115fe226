package script

import (
	"fmt"
	"io/fs"
	"strings"

	"assim/discovery"
	"assim/graph"
)

// Separator stands between directories in a list of them: a site's configuration
// management may push programs into one of its own.
const Separator = ":"

// Open is os.DirFS, for who may touch the world.
type Open func(dir string) fs.FS

// TypesIn is Types of several directories; what an earlier one holds counts.
func TypesIn(dirs string, open Open) (types []discovery.Type, problems []error) {
	from := map[string]string{}
	for dir := range strings.SplitSeq(dirs, Separator) {
		more, refused := Types(open(dir), dir)
		problems = append(problems, refused...)
		for _, t := range more {
			if at := from[t.Name]; at != "" {
				problems = append(problems, fmt.Errorf("%s: the type %s is in %s already; rename one", dir, t.Name, at))
				continue
			}
			from[t.Name] = dir
			types = append(types, t)
		}
	}
	return types, problems
}

// MappingsIn is Mappings of several directories; what an earlier one holds counts.
func MappingsIn(dirs string, open Open) (map[string]func(graph.Key, []byte) (graph.Change, error), []error) {
	found, problems := map[string]func(graph.Key, []byte) (graph.Change, error){}, []error(nil)
	for dir := range strings.SplitSeq(dirs, Separator) {
		more, refused := Mappings(open(dir))
		problems = append(problems, refused...)
		for name, g := range more {
			if found[name] == nil {
				found[name] = g
			}
		}
	}
	return found, problems
}

// LostIn is Lost by the mapping of that name in one of several directories.
func LostIn(dirs, name string, open Open, doc []byte) ([]string, error) {
	for dir := range strings.SplitSeq(dirs, Separator) {
		s, err := Load(open(dir), name)
		if err != nil {
			return nil, err
		}
		if s.Graph() != nil {
			return s.Lost(doc)
		}
	}
	return nil, nil
}
