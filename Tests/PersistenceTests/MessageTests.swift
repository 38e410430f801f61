import Foundation
import Testing

@testable import Persistence

@Suite struct MessageTests {
    /// Every refusal names the file and what to do.
    @Test(arguments: [
        Refusal.invalidFile(path: "/etc/c.yaml", problems: [FileProblem(line: 3, column: 5, message: "no number")]),
        .missing(path: "/etc/c.yaml"), .empty(path: "/etc/c.yaml"), .beingEdited(path: "/etc/c.yaml"),
        .unfinishedEdit(path: "/etc/c.yaml", reason: "it is being changed"),
        .protectedFile(path: "/etc/c.yaml", flags: "immutable (chattr +i)"),
        .notRegularFile(path: "/etc/c.yaml", kind: "a FIFO"), .symbolicLinkLoop(path: "/etc/c.yaml"),
        .hardLinked(path: "/etc/c.yaml", links: 2), .tooLarge(path: "/etc/c.yaml", bytes: 1 << 30),
        .attributesNotKept(path: "/etc/c.yaml", attribute: "owner", errno: EPERM),
        .needsInPlace(path: "/etc/c.yaml", errno: EBUSY), .cannotEdit(path: "/etc/c.yaml", reason: "line 3: an alias"),
    ])
    func aRefusalNamesTheFile(_ refusal: Refusal) {
        #expect("\(PersistenceError.refused(refusal))".hasPrefix("/etc/c.yaml"))
    }

    @Test func aProblemHasItsPlaceInTheFormThatEditorsJumpTo() {
        let refusal = Refusal.invalidFile(
            path: "/etc/c.yaml", problems: [FileProblem(line: 3, column: 5, message: "no number")])
        #expect(refusal.description.hasPrefix("/etc/c.yaml:3:5: no number"))
    }

    @Test func theHolderOfTheLockIsNamed() {
        #expect("\(PersistenceError.locked(path: "c.yaml", holder: 4711))".contains("4711"))
    }
}
