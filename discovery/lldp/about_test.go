package lldp

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// keyWord is what keys consist of.
var keyWord = regexp.MustCompile(`[a-z0-9_]+`)

func TestEveryKeyOfADocumentIsOnThePage(t *testing.T) {
	told := map[string]bool{}
	for _, k := range keys {
		for _, w := range keyWord.FindAllString(k.Key, -1) {
			told[w] = true
		}
	}
	n := 0
	seen := map[reflect.Type]bool{}
	var walk func(at string, typ reflect.Type)
	walk = func(at string, typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || seen[typ] {
			return
		}
		seen[typ] = true
		for i := range typ.NumField() {
			key, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if n++; !told[key] {
				t.Errorf("%s.%s is not among the keys that the page tells of", at, key)
			}
			walk(at+"."+key, typ.Field(i).Type)
		}
	}
	walk("", reflect.TypeFor[Document]())
	const least = 100
	if n < least {
		t.Errorf("only %d keys were looked at", n)
	}
}
