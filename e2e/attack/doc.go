// Package attack tries to fool a real CMA and real nanoprobes with real packets,
// and kills the CMA while it takes reports in. It is all tests. By attacker, what
// he must not be able to do and the test that tries it:
//
// An outsider on the network:
//
//	fake life or death          TestForgedHeartbeatsKeepNobodyAliveAndSayNoGoodbye
//	replay                      TestReplayedMessagesChangeNothing
//	                            TestRecordingsFromBeforeAPardonAreWorthNothing
//	reflect                     TestNothingUnprovenIsAnswered (signals)
//	                            TestForgedHeartbeatsKeepNobodyAliveAndSayNoGoodbye (heartbeats)
//	cut, flip, use a wrong key  TestNothingUnprovenIsAnswered
//	amplify, be remembered      TestAStrangerIsNeitherAmplifiedNorRemembered
//	crash a decoder             TestBadDocumentsOfAMemberAreRefusedAndHinderNobody, and docs/fuzzing.md
//	drown others                TestFloodOfForgedAnnouncesDelaysARealOneByTwoSecondsAtMost
//	pass for the CMA            TestAnImpostorGetsNobodyWhoHasAJoinString
//	give orders                 TestAnOrderSealedWithNoKeyIsNotObeyed
//	join unasked                TestASystemWithoutAJoinStringWaitsForAPerson
//	                            TestAnAcceptanceAheadOutlivesTheCMA
//	                            TestAStrictCMALetsInByANarrowStringAndAPerson
//	                            TestTheLocalSocketIsForTheNanoprobesUserOnly
//	                            TestAJoinStringForOneIsGoodForThatOneAgain
//
// The holder of a leaked join string, or operator string:
//
//	take a member over          TestLeakedJoinStringTakesNobodyOver
//	read others' data           TestALeakedJoinStringReadsNothing
//	stay when it is revoked     TestRevokedMemberIsRefusedWithItsNextPacket
//	                            TestAnOperatorStringFollowsTheCMAsNewKeyAndEndsWhenItIsRevoked
//	lead others to a thief      TestAfterARecoveryStringsMadeBeforeAreWorthNothing
//
// A nanoprobe that somebody has taken over:
//
//	speak for another           TestNothingUnprovenIsAnswered (signals)
//	                            TestAMemberIsNobodyElseOnBulk
//	forge others' heartbeats    TestForgedHeartbeatsKeepNobodyAliveAndSayNoGoodbye
//	have a neighbor declared    TestALoneAccuserOfAHealthyNeighborIsFlaggedAndNotBelieved
//	dead
//	overwrite another's facts   TestAMembersLiesAboutAnotherAreItsOwn
//	hinder the CMA              TestBadDocumentsOfAMemberAreRefusedAndHinderNobody
//
// The clone of a disk image:
//
//	pass as the original        TestTwoRunsOfOneIdentityAreToldToPeople
//	                            TestACopiedDiskOnAnotherMachineIsAnotherSystem
//
// A CMA met by zero configuration:
//
//	push code or commands       TestARogueCMARunsNothing
//	                            TestWhatTheAgentRunsIsWrittenInItsSource
//	take over who has another   TestWhoMetItsCMAByZeroConfigurationObeysNoOther
//
// And what is no attack, but looks like one: kill -9 of the CMA
// (TestKilledCMALosesNoReport), and a nanoprobe that strangers wrote
// (TestTheDocumentAndItsVectorsSayTheSame,
// TestANanoprobeByTheDocumentAloneIsOneLikeAnyOther).
package attack
