// Package delivery is the contract between the services and whatever reaches
// clients for them: who receives a frame, what is known of it afterwards, whose
// connections are closed and why, and where a group's members come from. One node
// implements it (package node); several together will too. The services import it,
// and it imports none of them. Package delivertest holds it as tests.
package delivery
