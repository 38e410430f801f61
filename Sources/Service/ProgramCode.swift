internal import CSystemShim

/// The program's code in memory.
public enum ProgramCode {
    /// Lets go of what only the start needed, some 10 MB: the kernel maps the file in large pieces.
    ///
    /// What is needed again is mapped again by the kernel, a fault for each piece. Safe from any thread.
    public static func letGoOfStart() { podium_unmap_code() }
}
