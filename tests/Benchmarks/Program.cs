using BenchmarkDotNet.Running;
using MeshFromFaces.Benchmarks;

// dotnet run -c Release --project tests/Benchmarks -- stages [--photos FOLDER] [--texture-size N] [--rounds N]
// dotnet run -c Release --project tests/Benchmarks -- graphs FOLDER
// dotnet run -c Release --project tests/Benchmarks -- --filter '*'
if (args is ["stages", ..])
{
    return Stages.Run(args[1..]);
}
if (args is ["graphs", var folder])
{
    return Graphs.Run(folder);
}
BenchmarkSwitcher.FromAssembly(typeof(Stages).Assembly).Run(args);
return 0;
