/// All edits of one call, resolved against the tree.
struct EditPlan {
    init(_ edits: [YAMLEdit], tree: YAMLTree) throws(YAMLEditError) {
        throw YAMLEditError(line: 1, column: 1, reason: "editing is not available yet")
    }

    func apply() throws(YAMLEditError) -> YAMLTree {
        throw YAMLEditError(line: 1, column: 1, reason: "editing is not available yet")
    }
}
