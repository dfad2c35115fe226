// The guests of system $system.
MATCH (:System {id: $system})<-[:HOSTED_BY]-(:VirtualMachine)<-[:IS]-(guest:System)
RETURN DISTINCT guest.id AS system
