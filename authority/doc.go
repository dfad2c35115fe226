// Package authority is the CMA's part in the rings: it decides who heartbeats
// whom, tells everybody what is desired of them, and judges what they report.
// It composes the ring plan with the verdict core into one state machine that a
// daemon or a simulator drives.
//
//	announce, stopping ─┐                      ┌─▶ Orders  desired state, resent until echoed
//	report, pong        ├─▶ Authority ─ Out ───┼─▶ Pings   signs of life to ask for
//	attachment (graph)  │                      ├─▶ Events  what people read
//	silence (Tick)     ─┘                      └─▶ Records what to store, so that a restart
//	                                                       disturbs nobody
//
// It sends nothing itself; it knows neither sockets nor stores nor clocks. In a
// quiet installation it does nothing at all: its cost follows what happens, not
// how many systems there are.
package authority
