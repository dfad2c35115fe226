// Package graphtest is the law of graph stores: a suite that every engine must
// pass (Run), and Mem, a store in memory that is simple enough to be seen to be
// right and against which the others are compared.
package graphtest
