/// Reads the edited file again, as far as it can have changed.
///
/// Reading 230 KB costs libyaml 4 ms, and a change of one rank concerns 200 bytes of it. So where the changed lines are
/// whole entries of a block list, or whole sections, only they are read, and the tree is put together from them and the
/// records on both sides. Whenever anything about that is not beyond doubt, the whole file is read.
struct Reparse {
    let plan: EditPlan
    /// In file order.
    let splices: [Splice]

    func tree() throws(YAMLError) -> YAMLTree {
        let edited = Splice.apply(splices, to: plan.tree.bytes)
        if let windows = EditWindow.windows(plan: plan, splices: splices),
            let tree = WindowedTree.assemble(plan.tree, edited, windows)
        {
            return tree
        }
        do throws(YAMLError) {
            return try TreeBuilder.parse(edited)
        } catch {
            throw plan.tree.refusal(
                at: splices[0].container,
                "the change would break the file (\(error.description)); edit the file by hand")
        }
    }
}
